"""The `zoo` command from command line to output lines and files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo_cli import main

SMALL = [
    "--image-size", "32x32", "--epochs", "1", "--batch-size", "4",
    "--set", "model.filters=4", "--set", "model.depth=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(squares, tmp_path_factory):
    """A run folder made by `zoo train`."""
    out = tmp_path_factory.mktemp("runs") / "unet"
    assert main(["train", "unet", "--data", f"masks:{squares}", "--out", str(out), *SMALL]) == 0
    return out


def test_list_and_show(capsys, printed_json):
    assert main(["list", "--task", "segmentation"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[2:]]
    assert names == zoo.list_models("segmentation")
    assert main(["show", "unet", "--json"]) == 0
    shown = printed_json()
    assert shown["parameters"]["stored"] == 31_030_658
    assert shown["paper"]["year"] == 2015


def test_run_folder_is_complete(run):
    for name in ("model.keras", "run.json", "recipe.toml", "labels.txt", "metrics.csv"):
        assert (run / name).stat().st_size > 0, name
    assert list((run / "samples").glob("*.png"))
    assert list((run / "logs").iterdir())
    info = json.loads((run / "run.json").read_text())
    assert info["finished"] and info["architecture"] == "unet"
    assert not list(run.rglob("*.partial*"))


def test_evaluate(run, printed_json):
    assert main(["evaluate", str(run), "--json"]) == 0
    result = printed_json()
    assert result["images"] == 2
    assert 0 <= result["mean_iou"] <= 1
    assert set(result["iou"]) == {"0", "255"}


def test_predict_writes_maps_in_pixels_of_the_image(run, tmp_path, printed_json):
    photo = tmp_path / "photo.jpg"
    Image.fromarray(np.full((61, 83), 90, np.uint8)).save(photo)  # grey
    assert main(["predict", str(run), str(photo), "--out", str(tmp_path / "o"), "--json"]) == 0
    result = printed_json()["images"][0]
    assert np.asarray(Image.open(result["classes"])).shape == (61, 83)
    assert Image.open(tmp_path / "o" / "photo_overlay.png").size == (83, 61)
    assert sum(result["fractions"].values()) == pytest.approx(1)


def test_a_keras_file_predicts_too(run, tmp_path):
    images = [str(p) for p in (Path(run) / "samples").glob("*.png")][:1]
    out = tmp_path / "o"
    assert main(["predict", str(run / "model.keras"), *images, "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 2


def test_export_with_parity(run, tmp_path, printed_json):
    out = tmp_path / "export"
    words = ["export", str(run), "--quantize", "int8", "--out", str(out), "--json"]
    assert main(words) == 0
    report = printed_json()
    assert set(report["files"]) == {"saved_model", "litert.int8"}
    parity = report["parity"]
    assert parity["saved_model"]["fraction_different"]["segmentation"] == 0
    assert parity["saved_model"]["metrics"] == parity["model"]["metrics"]
    assert 0 < parity["litert.int8"]["bytes"] < parity["saved_model"]["bytes"]
    assert json.loads((out / "parity.json").read_text()) == report
    assert (out / "model.int8.labels.txt").read_text().split() == ["0", "255"]
    assert not list(out.rglob("*.partial"))


def test_resume_of_a_finished_run_changes_nothing(run, squares):
    before = (run / "metrics.json").read_text()
    words = ["train", "unet", "--data", f"masks:{squares}", "--out", str(run), "--resume"]
    assert main(words) == 0
    assert main(["train", "--out", str(run), "--resume"]) == 0
    assert (run / "metrics.json").read_text() == before


def bad_calls(folder, run):
    data = f"masks:{folder}"
    return {
        "unknown architecture": (["show", "unett"], "did you mean 'unet'"),
        "unknown task": (["list", "--task", "segmentaton"], "did you mean 'segmentation'"),
        "unknown format": (["data", "mask:x"], "did you mean 'masks'"),
        "no such folder": (["data", "masks:/no/such"], "no such folder"),
        "unknown option": (["data", f"{data}?viod=3"], "viod"),
        "unknown split": (["data", data, "--split", "tset"], "train (10)"),
        "size": (["train", "unet", "--data", data, "--image-size", "32"], "HEIGHTxWIDTH"),
        "setting": (["train", "unet", "--data", data, "--set", "lerning_rate=1"], "learning_rate"),
        "argument": (["train", "unet", "--data", data, "--set", "model.filter=1"], "filters"),
        "input shape": (
            ["train", "unet", "--data", data, "--set", "model.input_shape=[64,64,1]"],
            "set channels=1",
        ),
        "too few classes": (
            ["train", "unet", "--data", data, "--set", "model.num_classes=1"],
            "model.num_classes=2",
        ),
        "occupied": (["train", "unet", "--data", data, "--out", str(run)], "folder is not empty"),
        "not a run": (["evaluate", str(folder)], "not a run folder"),
        "other run": (
            ["train", "unet", "--data", f"instances:{folder}", "--out", str(run), "--resume"],
            "was trained on",
        ),
        "no architecture": (["train", "--data", data], "no architecture"),
        "no data set": (["train", "unet"], "no data set"),
        "file as folder": (
            ["export", str(run), "--out", str(run / "run.json" / "x")],
            "run.json",
        ),
    }


def test_exported_files_are_not_taken_for_runs(tmp_path, capsys):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"TFL3")
    assert main(["evaluate", str(path), "--data", "shapes"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "exported file" in error and str(path) in error


@pytest.mark.parametrize("case", bad_calls("", Path()))
def test_bad_input_is_one_line_and_status_2(case, squares, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, expected = bad_calls(squares, run)[case]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert err.startswith("zoo: ") and len(err.strip().splitlines()) == 1


def test_another_models_run_is_refused(run, squares, capsys):
    others = [name for name in zoo.list_models("segmentation") if name != "unet"]
    words = ["train", others[0], "--data", f"masks:{squares}", "--out", str(run), "--resume"]
    assert main(words) == 2
    assert "a run of unet" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_half_written(run, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "the disk")

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "o"
    image = next((run / "samples").glob("*.png"))
    assert main(["predict", str(run), str(image), "--out", str(out)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_the_installed_command_keeps_standard_output_clean():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("zoo")), "show", "unet", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["name"] == "unet"
    assert done.stderr == ""
