"""`zoo compare`: rows, failures of single rows, resuming and the recommendation."""

import contextlib
import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import threading
from argparse import Namespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from image_folders import write_squares
from PIL import Image

import zoo
from training.data.sources import open_source
from training.run import open_run
from training.trainer import fit
from zoo.errors import InputError
from zoo.flops import count_flops
from zoo_cli import main
from zoo_cli.compare import compare_command as compare
from zoo_cli.compare import compare_one
from zoo_cli.compare.compare_choice import COSTS, choose, dominates, pareto
from zoo_cli.compare.compare_folder import (
    locked,
    prepare,
    read_result,
    sample_positions,
    update_result,
)
from zoo_cli.compare.compare_page import markdown_table
from zoo_cli.compare.compare_plan import make_plans, read_comparison, read_plan
from zoo_cli.compare.compare_plots import write_plots
from zoo_cli.compare.compare_tasks import Headline

NAMES = ["unet", "full_resolution"]
SMALL = ["--tiny", "--epochs", "1", "--batch-size", "4", "--image-size", "32x32"]
IOU = Headline("mean_iou", "max")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve images with a bright square, with masks of 0 and 1."""
    return f"masks:{write_squares(tmp_path_factory.mktemp('squares') / 'data', value=1)}"


def call(*words):
    """Exit status and standard output of `zoo`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(list(words))
    return status, out.getvalue()


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    """Folder and JSON of a comparison of two models and one that cannot be built.

    The steps of U-Net run in this process, to save time.
    """
    out = tmp_path_factory.mktemp("compared") / "out"
    words = ["compare", *NAMES, "pspnet", "--data", data, *SMALL, "--out", str(out), "--json"]
    run_in_process = compare.run_step

    def run_step(step, folder):
        if folder.name != "unet":
            return run_in_process(step, folder)
        return compare_one.main([step, str(folder)]) == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "run_step", run_step)
        patch.setattr(compare_one, "_end_with_parent", lambda: None)
        status, printed = call(*words, "--set", "pspnet:model.backbone=resnet|50")
    assert status == 0
    return out, json.loads(printed)


def options(data, *names, **changes):
    defaults = {"task": None, "data": data, "split": None, "minutes": None, "epochs": 1}
    defaults |= {"recipe": None, "changes": {}, "row_changes": {}}
    defaults |= {"batch_size": 4, "image_size": (32, 32), "set": [], "tiny": True, "out": None}
    return Namespace(names=list(names), **{**defaults, **changes})


def plan_for(data, name="full_resolution", **changes):
    return make_plans(options(data, name, **changes), open_source(data))[0]


@pytest.fixture
def folder(data, tmp_path):
    """The folder of a model that has not been trained."""
    prepare(tmp_path / "out", [plan_for(data)])
    return tmp_path / "out" / "full_resolution"


def test_every_model_has_its_row_and_a_failure_costs_one(compared):
    out, result = compared
    rows = {row["name"]: row for row in result["rows"]}
    assert set(rows) == {*NAMES, "pspnet"}
    assert [row["name"] for row in result["rows"]][-1] == "pspnet"
    assert rows["pspnet"]["status"] == "failed"
    assert "resnet|50" in rows["pspnet"]["error"] and "value" not in rows["pspnet"]
    for name in NAMES:
        row = rows[name]
        assert row["status"] == "done" and row["epochs"] == 1
        assert row["exported_as"] == "tflite"
        assert row["exported_bytes"] == (out / name / "model.tflite").stat().st_size
        assert row["predictions_timed"] >= 20 and row["image_size"] == [40, 52]
        assert 0 < row["milliseconds"] < 60_000
        assert 100e6 < row["peak_memory"] < 100e9
        assert row["images_per_second"] > 0 and row["minutes"] > 0
    values = [row["value"] for row in result["rows"][:-1]]
    assert values == sorted(values, reverse=True)


def test_rows_agree_with_evaluate_and_build(compared, data, capsys):
    out, result = compared
    row = next(row for row in result["rows"] if row["name"] == "unet")
    assert main(["evaluate", str(out / "unet" / "run"), "--data", data, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert row["metrics"] == {key: measured[key] for key in row["metrics"]}
    assert row["value"] == measured["mean_iou"]
    tiny = {**zoo.card("unet").tiny, "num_classes": 2, "input_shape": (32, 32, 3)}
    model = zoo.build("unet", **tiny)
    assert row["parameters"] == sum(int(np.prod(v.shape)) for v in model.weights)
    assert row["flops"] == count_flops(model)


def test_table_csv_and_json_agree(compared):
    out, result = compared
    assert json.loads((out / "results.json").read_text()) == result
    with (out / "results.csv").open() as file:
        table = {line["name"]: line for line in csv.DictReader(file)}
    page = (out / "report.md").read_text()
    lines = {line.split("|")[1].strip(): line for line in page.splitlines() if line[:2] == "| "}
    for row in result["rows"]:
        assert table[row["name"]]["status"] == row["status"]
        if row["status"] == "failed":
            assert table[row["name"]]["error"] == row["error"]
            assert row["error"].replace("|", "\\|") in page
            continue
        assert float(table[row["name"]]["mean_iou"]) == row["value"]
        assert float(table[row["name"]]["iou:1"]) == row["metrics"]["iou"]["1"]
        assert int(table[row["name"]]["exported_bytes"]) == row["exported_bytes"]
        assert f"{row['metrics']['iou']['1']:.4f}" in lines[row["name"]]
    assert result["recommendation"]["best"] == result["rows"][0]["name"]
    assert all(line in page for line in result["recommendation"]["lines"])
    assert result["command"] in page and "zoo compare unet" in result["command"]


def test_plots_and_samples_are_not_blank(compared):
    out, _ = compared
    page = (out / "report.md").read_text()
    for name in ("accuracy_latency", "accuracy_size", "accuracy_memory", "samples"):
        assert f"({name}.png)" in page
        pixels = np.asarray(Image.open(out / f"{name}.png").convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    # Image, truth and one column per trained model; two validation images.
    width, height = Image.open(out / "samples.png").size
    assert width == 4 * (256 + 6) + 6 and height > 2 * 190


def test_samples_are_the_models_predictions(compared, data):
    out, _ = compared
    source = open_source(data)
    run = open_run(out / "unet" / "run")
    predict = run.predictor(run.model())
    positions = sample_positions(source.sizes["val"])
    samples = np.load(out / "unet" / "samples.npz")
    for position, (_, sample) in enumerate(source.samples("val")):
        number = positions.index(position)
        np.testing.assert_array_equal(
            samples[f"{number}_segmentation"], predict(sample["image"])["segmentation"]
        )


def test_a_second_call_repeats_nothing(compared, data, monkeypatch):
    out, before = compared
    monkeypatch.setattr(compare, "run_step", None)  # any process would fail
    files = [out / n / f for n in NAMES for f in ("result.json", "run/model.keras", "model.tflite")]
    times = [file.stat().st_mtime_ns for file in files]
    status, printed = call("compare", *NAMES, "--data", data, *SMALL, "--out", str(out), "--json")
    assert status == 0
    assert [file.stat().st_mtime_ns for file in files] == times
    assert json.loads(printed)["rows"] == before["rows"][:2]


def test_other_settings_of_a_trained_model_are_refused(compared, data, capsys):
    out, _ = compared
    words = ["compare", "unet", "--data", data, *SMALL, "--out", str(out)]
    assert main([*words, "--set", "learning_rate=0.5"]) == 2
    error = capsys.readouterr().err
    assert "learning_rate=0.002" in error and len(error.splitlines()) == 1


def test_a_failed_model_may_have_other_settings(folder, data):
    update_result(folder, status="failed", error="out of memory", epochs_planned=3)
    (folder / "run").mkdir()
    prepare(folder.parent, [plan_for(data, batch_size=2)])
    assert read_result(folder) == {} and not (folder / "run").exists()
    assert read_plan(folder / "plan.json").recipe.batch.batch_size == 2


def test_an_interrupted_training_resumes(folder, data):
    plan = plan_for(data, epochs=3)
    run = fit(plan.name, data, plan.recipe, out=folder / "run", minutes=1e-9, log=lambda _: None)
    run.write_info(finished=False)
    assert len(run.history) == 1
    update_result(folder, peak_memory=10**15)
    compare_one.train(folder, plan)
    history = open_run(folder / "run").history
    assert history[0] == run.history[0] and len(history) == 3
    result = read_result(folder)
    assert result["status"] == "done" and result["epochs"] == 3
    assert result["peak_memory"] == 10**15


def test_a_trial_finds_the_number_of_epochs(folder, data):
    plan = plan_for(data, epochs=None, minutes=30.0)
    compare_one.trial(folder, plan)
    assert 30 < read_result(folder)["epochs_planned"] < 1_000_000
    assert compare_one.epochs_in(10, 60) == 10
    assert compare_one.epochs_in(10, 61) == 9
    assert compare_one.epochs_in(1, 3600) == 1


def test_a_model_too_slow_for_the_budget_fails(folder, data, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(compare_one.os, "_exit", lambda status: ended.set())

    def endless(*_, **__):
        assert ended.wait(30)
        raise InputError("ended")

    monkeypatch.setattr(compare_one, "fit", endless)
    with pytest.raises(InputError, match="ended"):
        compare_one.trial(folder, plan_for(data, epochs=None, minutes=0.001))
    result = read_result(folder)
    assert result["status"] == "failed"
    assert result["error"] == "no epoch was finished in the budget of 0.001 minutes."


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9, probably out of memory"),
        ("print('odd'); sys.stdout.flush(); os.abort()", "killed by signal 6 (SIGABRT): odd"),
        ("sys.exit('no such thing')", "no such thing"),
        ("sys.exit(7)", "ended with status 7"),
    ],
)
def test_a_process_that_dies_leaves_its_reason(folder, monkeypatch, program, reason):
    command = [sys.executable, "-c", f"import os, signal, sys; {program}"]
    monkeypatch.setattr(compare, "step_command", lambda *_: command)
    assert not compare.run_step("train", folder)
    assert read_result(folder) == {"error": reason, "status": "failed"}


def test_a_model_stays_trained_when_measuring_fails(folder, monkeypatch):
    update_result(folder, status="done", value=0.5)
    monkeypatch.setattr(compare, "step_command", lambda *_: [sys.executable, "-c", "exit(3)"])
    compare.measure(folder)
    result = read_result(folder)
    assert result["status"] == "done" and result["measure_error"] == "ended with status 3"
    assert not compare.measured(folder)


def test_a_process_ends_with_the_one_that_started_it(folder, tmp_path):
    (tmp_path / "training.py").write_text("raise SystemExit('a file of the user's')")
    process = subprocess.Popen(
        compare.step_command("train", folder),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    process.stdin.close()
    assert "of the user's" not in process.stderr.read()
    assert process.wait(timeout=120) == 1
    assert read_result(folder) == {}


def test_status_is_1_when_every_model_failed(data, tmp_path, monkeypatch, capsys):
    command = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"]
    monkeypatch.setattr(compare, "step_command", lambda *_: command)
    assert main(["compare", "unet", "--data", data, *SMALL, "--out", str(tmp_path / "o")]) == 1
    assert "probably out of memory" in capsys.readouterr().out
    assert "probably out of memory" in (tmp_path / "o" / "report.md").read_text()
    assert not (tmp_path / "o" / "samples.png").exists()


def test_one_pipeline_for_all_and_settings_of_one(data):
    settings = ["seed=3", "learning_rate=0.01", "unet:learning_rate=0.1", "unet:batch_size=2"]
    plans = make_plans(options(data, *NAMES, set=settings), open_source(data))
    unet, full = (plan.recipe for plan in plans)
    assert (unet.learning_rate, full.learning_rate) == (0.1, 0.01)
    assert (unet.batch.batch_size, full.batch.batch_size) == (2, 4)
    assert unet.batch.seed == full.batch.seed == 3
    assert unet.batch.augmentation == full.batch.augmentation
    assert unet.model["filters"] == zoo.card("unet").tiny["filters"]
    assert "num_classes" not in unet.model and "input_shape" not in unet.model
    every = make_plans(options(data, task="segmentation", tiny=False), open_source(data))
    assert [plan.name for plan in every] == zoo.list_models("segmentation")
    assert every[0].recipe.model == {} and every[0].split == "val"


def test_a_recipe_file_names_data_rows_and_settings(data, tmp_path):
    path = tmp_path / "which.toml"
    path.write_text(
        f'data = "{data}"\nlearning_rate = 0.01\n[augmentation]\nrotate = 0\n'
        "[models.unet]\nmodel.filters = 2\n"
        '[models.up]\narchitecture = "encoder_decoder"\nmodel.upsampling = "bilinear"\n'
    )
    given = {"recipe": str(path), "epochs": None, "set": ["up:learning_rate=0.1"], "tiny": False}
    completed = read_comparison(options(None, **given))
    assert completed.data == data
    unet, up = make_plans(completed, open_source(completed.data))
    assert (unet.name, up.name, up.architecture) == ("unet", "up", "encoder_decoder")
    assert (unet.recipe.learning_rate, up.recipe.learning_rate) == (0.01, 0.1)
    assert unet.recipe.model == {"filters": 2} and up.recipe.model == {"upsampling": "bilinear"}
    assert unet.recipe.batch.augmentation.rotate == 0
    path.write_text("data = 3x")
    with pytest.raises(InputError, match=r"which\.toml: not TOML"):
        read_comparison(options(None, **given))
    with pytest.raises(InputError, match="no data set"):
        read_comparison(options(None))
    for text, message in (
        ("data = 3", r"which\.toml: data: a name must be a string, not 3"),
        ('models = ["unet"]', r"which\.toml: models must be a table"),
        ("[models]\nunet = 3", r"which\.toml: models must be a table"),
        ("[models.unet]\narchitecture = 3", r"which\.toml: unet: a name must be a string"),
        ("epochz = 3", r"which\.toml: unknown key 'epochz'; did you mean 'epochs'"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_comparison(options(data, **given))


def test_a_plan_is_read_as_it_was_written(data, tmp_path):
    for plan in make_plans(options(data, task="segmentation"), open_source(data)):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(plan.to_dict()))
        assert read_plan(path).to_dict() == plan.to_dict()


def bad_calls(data):
    words = ["compare", "unet", "--data", data]
    return {
        "no model": (["compare", "--data", data], "all models of a task with --task"),
        "both": ([*words, "--task", "segmentation"], "all models of a task with --task"),
        "unknown": (["compare", "unett", "--data", data], "did you mean 'unet'"),
        "unknown task": (["compare", "--task", "x", "--data", data], "Available: "),
        "no data": (["compare", "unet"], "--data"),
        "two budgets": ([*words, "--minutes", "1", "--epochs", "1"], "not allowed with"),
        "no time": ([*words, "--minutes", "0"], "--minutes must be above 0, not 0"),
        "no epochs": ([*words, "--epochs", "0"], "epochs must be a"),
        "another's setting": ([*words, "--set", "segnet:seed=1"], "unknown row 'segnet'"),
        "argument": ([*words, "--set", "model.filter=1"], "did you mean 'filters'"),
        "key": ([*words, "--set", "unet:lerning_rate=1"], "learning_rate"),
        "split": ([*words, "--split", "x"], "no split 'x'"),
        "alias": (["compare", "a/b=unet", "--data", data], "an alias must be a word"),
        "no alias": (["compare", "=unet", "--data", data], "an alias must be a word"),
        "two of one name": (["compare", "unet=segnet", *words[1:]], "unet: two rows of one name"),
        "nothing to measure again": ([*words, "--measure-again"], "needs --out DIR"),
    }


@pytest.mark.parametrize("case", bad_calls(""))
def test_bad_input_is_one_line_and_status_2(case, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words, expected = bad_calls(data)[case]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert expected in error and error.startswith("zoo: ") and len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_one_architecture_several_times(data):
    words = [
        "wide=unet",
        "unet",
        "plain=encoder_decoder",
        "max=encoder_decoder",
        "unet",
        "unet=unet",
    ]
    settings = ["wide:model.filters=32", "max:model.upsampling=max_unpool", "seed=4"]
    plans = make_plans(options(data, *words, set=settings), open_source(data))
    rows = {plan.name: plan for plan in plans}
    assert list(rows) == ["wide", "unet", "plain", "max"] and len(plans) == 4
    assert [plan.architecture for plan in plans] == ["unet"] * 2 + ["encoder_decoder"] * 2
    tiny = zoo.card("unet").tiny["filters"]
    assert (rows["wide"].recipe.model["filters"], rows["unet"].recipe.model["filters"]) == (
        32,
        tiny,
    )
    assert rows["max"].recipe.model["upsampling"] == "max_unpool"
    assert rows["plain"].recipe.model["upsampling"] == "transpose"
    assert {plan.recipe.batch.seed for plan in plans} == {4}


def test_the_architecture_of_a_plan_defaults_to_its_name(data, tmp_path):
    plan = plan_for(data).to_dict()
    assert plan.pop("architecture") == "full_resolution"
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert read_plan(tmp_path / "plan.json").architecture == "full_resolution"


def test_a_row_under_an_alias(data, tmp_path, monkeypatch):
    def run_step(step, folder):
        return compare_one.main([step, str(folder)]) == 0

    monkeypatch.setattr(compare, "run_step", run_step)
    monkeypatch.setattr(compare_one, "_end_with_parent", lambda: None)
    out = tmp_path / "out"
    words = ["compare", "flat=full_resolution", "--data", data, *SMALL, "--out", str(out)]
    status, _ = call(*words, "--set", "flat:model.filters=4")
    assert status == 0
    run = open_run(out / "flat" / "run")
    assert run.info["architecture"] == "full_resolution" and run.recipe.model["filters"] == 4
    row = json.loads((out / "results.json").read_text())["rows"][0]
    assert (row["name"], row["architecture"]) == ("flat", "full_resolution")
    page = (out / "report.md").read_text()
    assert "flat is full_resolution with " in page and "filters=4" in page
    with (out / "results.csv").open() as file:
        assert [(r["name"], r["architecture"]) for r in csv.DictReader(file)] == [
            ("flat", "full_resolution")
        ]


def test_measuring_again_repeats_only_that(compared, data, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(compared[0], out)
    steps = []

    def run_step(step, folder):
        steps.append((step, folder.name))
        assert read_result(folder)["exported_bytes"] is None
        update_result(folder, milliseconds=1.5, exported_bytes=7)
        return True

    monkeypatch.setattr(compare, "run_step", run_step)
    words = ["compare", *NAMES, "pspnet", "--data", data, *SMALL, "--out", str(out), "--json"]
    words += ["--set", "pspnet:model.backbone=resnet|50", "--measure-again"]
    status, printed = call(*words)
    assert status == 0 and steps == [("measure", name) for name in NAMES]
    rows = {row["name"]: row for row in json.loads(printed)["rows"]}
    before = {row["name"]: row for row in compared[1]["rows"]}
    for name in NAMES:
        assert rows[name] == {**before[name], "milliseconds": 1.5, "exported_bytes": 7}
    assert rows["pspnet"] == before["pspnet"]


def test_an_interrupted_measurement_is_incomplete(folder):
    update_result(folder, milliseconds=1.5, exported_bytes=7)
    assert compare.measured(folder)
    update_result(folder, exported_bytes=None)
    assert not compare.measured(folder)


def test_two_comparisons_do_not_share_a_folder(data, tmp_path, capsys):
    out = tmp_path / "out"
    with locked(out):
        assert main(["compare", "unet", "--data", data, *SMALL, "--out", str(out)]) == 2
        assert "another zoo compare is running there" in capsys.readouterr().err
    with locked(out):  # free again
        assert [path.name for path in out.iterdir()] == [".lock"]


def test_other_folders_are_refused(data, tmp_path, capsys):
    (tmp_path / "diary.txt").write_text("dear")
    assert main(["compare", "unet", "--data", data, "--out", str(tmp_path)]) == 2
    assert "choose another" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def row(name, value, milliseconds, exported_bytes, peak_memory=1e9):
    costs = dict(zip(COSTS, (milliseconds, exported_bytes, peak_memory), strict=True))
    return {"name": name, "value": value, **costs}


ROWS = [
    row("heavy", 0.80, 90.0, 120e6),
    row("good", 0.79, 30.0, 30e6),
    row("small", 0.785, 40.0, 5e6),
    row("poor", 0.60, 4.0, 1e6),
    row("bad", 0.70, 95.0, 130e6),
]


def test_recommendation():
    choice = choose(ROWS, IOU, 0.02)
    assert (choice.best, choice.fastest, choice.smallest) == ("heavy", "good", "small")
    assert choice.front == ["heavy", "good", "small", "poor"]
    assert choice.dominated == {"bad": "heavy"}
    text = "\n".join(choice.lines)
    assert "3.0 times as fast" in text and "24.0 times as small" in text
    assert "**poor**" in text and "with mean IoU 0.6000" in text and "bad (by heavy)" in text


def test_the_margin_limits_fastest_and_smallest():
    assert choose(ROWS, IOU, 0.0).fastest == "heavy"
    assert choose(ROWS, IOU, 0.01).smallest == "good"
    assert choose(ROWS, IOU, 0.2).fastest == "poor"


def test_a_single_model_is_recommended():
    assert choose(ROWS[:1], IOU, 0.02).lines[1:] == ["heavy is the only trained model."]
    assert "No other model on the front is within 0.001 of it." in choose(ROWS, IOU, 0.001).lines


def test_less_may_be_better():
    error = Headline("pose_error", "min")
    choice = choose([row("a", 3.0, 5.0, 1e6), row("b", 9.0, 9.0, 2e6)], error, 0.5, baseline=8.0)
    assert choice.best == choice.fastest == "a" and choice.dominated == {"b": "a"}
    assert "majority baseline (8.0000): b." in choice.lines[-1]


def test_an_unknown_cost_counts_as_infinite():
    unmeasured = {"name": "x", "value": 0.9}
    choice = choose([unmeasured, *ROWS], IOU, 0.3)
    assert choice.best == "x" and choice.fastest == "poor"
    assert not dominates(unmeasured, ROWS[0], IOU)
    assert choose([unmeasured], IOU, 0.02).fastest is None
    assert choose([{**unmeasured, "value": 0.1}, *ROWS], IOU, 0.2).dominated == {"bad": "heavy"}


def test_equal_rows_and_no_rows():
    twins = [row("a", 0.5, 1.0, 1.0), row("b", 0.5, 1.0, 1.0)]
    assert choose(twins, IOU, 0.02).front == ["a", "b"]
    assert choose([], IOU, 0.02).best is None
    assert "No model is better" in choose(twins, IOU, 0.02, baseline=0.5).lines[-1]


numbers = st.sampled_from([0.1, 0.2, 0.3, 0.4])


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=9))
def test_the_front_is_not_dominated(points):
    rows = [row(str(number), *point) for number, point in enumerate(points)]
    front = pareto(rows, IOU)
    assert front
    for one in rows:
        dominated = any(
            o["value"] >= one["value"]
            and all(o[c] <= one[c] for c in COSTS)
            and (o["value"] > one["value"] or any(o[c] < one[c] for c in COSTS))
            for o in rows
        )
        assert (one in front) != dominated
    choice = choose(rows, IOU, 0.02)
    assert set(choice.dominated.values()) <= set(choice.front)
    assert max(r["value"] for r in rows) == next(
        r["value"] for r in rows if r["name"] == choice.best
    )


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [ROWS[0], {**ROWS[0], "name": "twin"}]])
@pytest.mark.parametrize("better", ["max", "min"])
def test_plots_of_many_of_one_and_of_equals(rows, better, tmp_path):
    plots = write_plots(rows, Headline("mean_iou", better), "title", tmp_path)
    assert set(plots) == set(COSTS)
    for path in plots.values():
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.std() > 5
    assert not list(tmp_path.glob(".*"))


def test_a_bar_in_a_cell_is_escaped():
    table = markdown_table(["a", "b"], [["x|y", "1\n2"]])
    assert table.splitlines()[-1] == "| x\\|y | 1 2 |"


def test_sample_images_are_spread_over_the_split():
    assert sample_positions(100) == [0, 33, 66, 99]
    assert sample_positions(2) == [0, 1] and sample_positions(1) == [0]
