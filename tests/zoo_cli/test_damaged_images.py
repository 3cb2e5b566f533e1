"""`zoo predict` and `zoo evaluate` go on past damaged images, name them and exit with 1."""

import json

import numpy as np
import pytest
from image_files_made import encoded, exif, smooth_image, truncated
from PIL import Image

import zoo
from zoo_cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = zoo.card("unet").build_tiny(num_classes=2)
    model.set_transform((32, 32), "letterbox")
    model.class_names = ["outside", "inside"]
    path = tmp_path_factory.mktemp("model") / "unet.keras"
    model.save(path)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    """Images of several kinds with masks, one of them damaged."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    image = smooth_image(20, 28)
    values = (image[..., 0].astype(np.uint16) << 8) + 9
    files = {
        "a.png": encoded(image, "PNG", "L"),
        "b.jpg": truncated(encoded(image, "JPEG")),
        "c.webp": encoded(image, "WEBP", exif=exif(6)),
        "d.tif": encoded(values, "TIFF"),
        "e.gif": encoded(image, "GIF", save_all=True, append_images=[Image.fromarray(255 - image)]),
    }
    for name, contents in files.items():
        (tmp_path / "images" / name).write_bytes(contents)
        mask = np.zeros((28, 20) if name == "c.webp" else (20, 28), np.uint8)
        mask[:9] = 1
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name[0]}.png")
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path


def run(capsys, *words):
    status = main(list(map(str, words)))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_predict_goes_on(model, folder, capsys):
    command = ("predict", model, folder / "images", "--out", folder / "out")
    status, out, err = run(capsys, *command, "--json")
    result = json.loads(out)
    assert status == 1
    assert [one["image"][-5:] for one in result["images"]] == ["a.png", ".webp", "d.tif", "e.gif"]
    (error,) = result["errors"]
    assert error["image"].endswith("b.jpg") and "damaged" in error["error"]
    assert "b.jpg: damaged" in err and "1 .txt" in err
    assert "1 file has several frames or pages" in err and "e.gif" in err

    status, out, _ = run(capsys, *command, "--json-lines")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 1 and len(lines) == 5
    assert ["error" in line for line in lines] == [False, True, False, False, False]
    assert lines[0] == result["images"][0]

    status, out, _ = run(capsys, *command)
    assert status == 1 and len(out.splitlines()) == 4
    assert run(capsys, "predict", model, folder / "images" / "a.png", "--out", folder / "o")[0] == 0
    status, out, err = run(capsys, "predict", model, folder / "no.jpg", "--out", folder / "o")
    assert (status, out) == (1, "") and "no.jpg: no such file" in err
    assert run(capsys, *command, "--json", "--json-lines")[0] == 2


def test_evaluate_goes_on(model, folder, capsys):
    command = ("evaluate", model, "--data", f"masks:{folder}?classes=0,1", "--split", "train")
    status, out, err = run(capsys, *command, "--json")
    result = json.loads(out)
    with_damage = result["errors"] != []
    if not with_damage:  # the rule put it into val
        status, out, err = run(capsys, *command[:-1], "val", "--json")
        result = json.loads(out)
    assert status == 1 and len(result["errors"]) == 1 and "b.jpg: damaged" in err
    assert result["images"] >= 1 and result["mean_iou"] is not None


def test_the_data_report_names_what_was_read_how(folder, capsys):
    (folder / "images" / "b.jpg").unlink()
    dark = Image.fromarray(np.full((20, 28), 1500, np.uint16))
    dark.save(folder / "images" / "b.png")
    status, _, err = run(capsys, "data", f"masks:{folder}", "--json")
    assert status == 0
    assert "1 image is turned upright by EXIF orientation" in err and "c.webp" in err
    assert "1 image is almost black" in err and "b.png" in err
    assert "1 file has several frames" in err and "e.gif" in err


def test_a_mask_of_the_image_as_stored_names_exif(folder, capsys):
    (folder / "images" / "b.jpg").unlink()
    Image.fromarray(np.ones((20, 28), np.uint8)).save(folder / "masks" / "c.png")
    status, out, _ = run(capsys, "data", f"masks:{folder}", "--json")
    (defect,) = [one["text"] for one in json.loads(out)["defects"] if "EXIF" in one["text"]]
    assert status == 1 and "c.webp" in defect and "save the mask upright" in defect
