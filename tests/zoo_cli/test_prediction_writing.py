"""`zoo data --write` and `zoo predict --write`."""

import json

import numpy as np
import pytest
from PIL import Image

import zoo
from training.drawing import Names
from training.evaluation.object_matching import full_masks
from zoo_cli import main
from zoo_cli.prediction_writing import PreLabels

NAMES = Names(
    classes=("background", "car", "road"),
    objects=("car", "dog"),
    labels=("day", "night"),
    keypoints=("nose", "tail"),
    tokens=("<pad>", "a", "dog"),
)
IMAGE = np.full((40, 60, 3), 90, np.uint8)


def predict(**more):
    return {
        "boxes": np.array([[2, 3, 22, 33], [30, 5, 70, 25], [1, 1, 5, 5], [0, 0, 9, 9]], float),
        "labels": np.array([1, 0, 1, -1]),
        "scores": np.array([0.6, 0.9, 0.2, 0.99]),
        "num_detections": np.int32(3),
        **more,
    }


@pytest.fixture
def pre_label(tmp_path):
    """Function that writes one prediction; returns the folder, its plain values and the writer."""
    image = tmp_path / "photo.png"
    Image.fromarray(IMAGE).save(image)

    def write(format_name, prediction, **options):
        folder = tmp_path / format_name
        folder.mkdir()
        files = PreLabels(format_name, folder, folder, NAMES, "a model", **options)
        values, text = files.write(image, IMAGE, prediction)
        files.writer.close()
        return folder, json.loads(json.dumps(values)), text

    return write


def coco(folder):
    return json.loads((folder / "annotations/instances_train.json").read_text())


def test_reported_objects_inside_the_image(pre_label):
    folder, values, text = pre_label("coco", predict())
    best, other = coco(folder)["annotations"]
    assert (best["bbox"], best["category_id"], best["score"]) == ([30, 5, 30, 20], 1, 0.9)
    assert (other["bbox"], other["category_id"], other["score"]) == ([2, 3, 20, 30], 2, 0.6)
    assert "segmentation" not in best and text == "1 car, 1 dog"
    assert [one["score"] for one in values["objects"]] == [0.9, 0.6]


def test_masks_become_polygons_and_those_with_holes_stay_masks(pre_label):
    grid = np.indices((28, 28)) - 13.5
    disc = ((grid**2).sum(0) < 150).astype(np.float32)
    ring = disc * ((grid**2).sum(0) > 40)
    found = predict(masks=np.stack([disc, ring, disc, disc]))
    folder, _, _ = pre_label("coco", found)
    holed, plain = (entry["segmentation"] for entry in coco(folder)["annotations"])
    assert isinstance(holed, dict) and len(plain) == 1
    official = pytest.importorskip("pycocotools.mask")
    full = next(full_masks(found["masks"][:1], found["boxes"][:1], (40, 60)))
    drawn = official.decode(official.frPyObjects(plain, 40, 60))[..., 0] > 0
    assert (drawn & full).sum() / (drawn | full).sum() > 0.98


def test_class_maps_become_regions_without_specks(pre_label):
    classes = np.zeros((40, 60), np.int32)
    classes[2:12, 2:12], classes[20:30, 5:25], classes[35:37, 50:52] = 1, 2, 1
    folder, values, _ = pre_label("coco", {"segmentation": classes})
    entries = coco(folder)["annotations"]
    assert [(e["category_id"], e["bbox"]) for e in entries] == [
        (1, [2, 2, 10, 10]),
        (2, [5, 20, 20, 10]),
    ]
    assert "score" not in entries[0] and values["fractions"]["road"] == 200 / 2400
    folder, _, _ = pre_label("masks", {"segmentation": classes})
    assert (np.asarray(Image.open(folder / "masks/train/photo.png")) == classes).all()


def test_poses_captions_and_classes(pre_label):
    points = np.array([[5, 6, 1], [20, 30, 1]], float)
    folder, _, _ = pre_label("labelme", {"keypoints": points})
    shapes = json.loads((folder / "photo.json").read_text())["shapes"]
    assert [shape["label"] for shape in shapes] == ["person", "nose", "tail"]
    assert shapes[0]["points"] == [[5, 6], [20, 30]]
    found = {"label": np.int32(1), "scores": np.array([0.2, 0.8])}
    folder, values, _ = pre_label("label-studio", found)
    (task,) = json.loads((folder / "tasks.json").read_text())
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["night"]}
    assert task["predictions"][0]["score"] == 0.8 == values["score"]
    with_box = {**found, "box": np.array([1.0, 2, 30, 20])}
    folder, _, _ = pre_label("yolo", with_box)
    assert (folder / "labels/train/photo.txt").read_text().startswith("1 0.25")
    with pytest.raises(zoo.errors.InputError, match="voc holds objects, and it has none"):
        pre_label("voc", found)


def test_predict_writes_a_data_set_or_nothing(photo, tmp_path, capsys):
    model, out = tmp_path / "unet.keras", tmp_path / "out"
    zoo.card("unet").build_tiny().save(model)
    command = ["predict", str(model), str(photo[0]), "--write", "coco", "--out", str(out)]
    assert main(command) == 0
    assert (out / "images/train/photo.png").samefile(photo[0])
    content = coco(out)
    assert content["images"][0]["width"] == 52 and content["categories"]
    assert main(command) == 2 and "already exists" in capsys.readouterr().err
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG")
    command = [*command[:2], str(damaged), "--write", "yolo", "--out", str(tmp_path / "none")]
    assert main(command) == 2 and not (tmp_path / "none").exists()
    assert main([*command[:3], "--copy", "--out", str(tmp_path / "none")]) == 2


def test_data_writes_another_format(squares, tmp_path, capsys, printed_json):
    out = tmp_path / "coco"
    command = ["data", f"masks:{squares}", "--write", "coco", "--split", "val"]
    assert main([*command, "--out", str(out), "--json", "--copy"]) == 0
    report = printed_json()
    assert report["images"] == {"val": 2} and report["objects"] == 2
    assert main(["data", f"coco:{out}", "--labels-only", "--json"]) == 0
    assert printed_json()["splits"]["val"]["objects"]["count"] == 2
    assert not (out / "images/val/1.png").exists() or not (out / "images/val/1.png").is_symlink()
    assert main([*command, "--out", str(out)]) == 2 and "not empty" in capsys.readouterr().err
    assert main([*command[:3], "yollo", "--out", str(tmp_path / "new")]) == 2
    assert "did you mean 'yolo'" in capsys.readouterr().err
    assert main(command) == 2 and "--out DIR" in capsys.readouterr().err
    assert main([*command[:2], "--copy"]) == 2 and "--write" in capsys.readouterr().err
