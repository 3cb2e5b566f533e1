"""Files, values and tables of `zoo predict` and `zoo evaluate` for any task."""

import json

import numpy as np
import pytest
from PIL import Image

from training.drawing import Names
from training.evaluation.object_matching import full_masks
from zoo_cli.compare.compare_tasks import comparison, headline, metric_name
from zoo_cli.output import result_tables
from zoo_cli.prediction_files import PredictionFiles, drawing_names, polygons, reported_rows

NAMES = Names(objects=("car", "dog"), labels=("day", "night"), keypoints=("nose", "tail"))
SIZE = (40, 60)
IMAGE = np.full((*SIZE, 3), 90, np.uint8)


def predict(**more):
    return {
        "boxes": np.array([[2, 3, 22, 33], [30, 5, 50, 25], [1, 1, 5, 5], [0, 0, 9, 9]], float),
        "labels": np.array([1, 0, 1, -1]),
        "scores": np.array([0.6, 0.9, 0.2, 0.99]),
        "num_detections": np.int32(3),
        **more,
    }


def written(tmp_path, found, task="detection", **options):
    files = PredictionFiles(tmp_path, task, NAMES, **options)
    values, text = files.write(tmp_path / "photo.jpg", IMAGE, found)
    assert Image.open(values["overlay"]).size == SIZE[::-1]
    return json.loads(json.dumps(values)), text


def test_objects_best_first_without_padding(tmp_path):
    values, text = written(tmp_path, predict())
    assert [(one["label"], one["score"]) for one in values["objects"]] == [
        ("car", 0.9),
        ("dog", 0.6),
    ]
    assert values["objects"][1]["box"] == [2, 3, 22, 33]
    assert text.startswith("1 car, 1 dog → ")
    everything, _ = written(tmp_path, predict(), min_score=0.0)
    assert len(everything["objects"]) == 3
    nothing, text = written(tmp_path, predict(), min_score=1.0)
    assert nothing["objects"] == [] and text.startswith("nothing found")
    # Only reported objects change the grey image.
    assert (np.asarray(Image.open(nothing["overlay"])) == 90).all()


@pytest.mark.parametrize("framed", [True, False])
def test_masks_as_runs_and_as_polygons(tmp_path, framed):
    official = pytest.importorskip("pycocotools.mask")
    grid = np.indices((28, 28)) - 13.5
    disc = ((grid**2).sum(0) < 150).astype(np.float32)
    found = predict(masks=np.stack([disc, 1 - disc, disc, disc]))
    images = list(full_masks(found["masks"], found["boxes"], SIZE))
    if not framed:
        found["masks"] = np.stack(images)
    values, _ = written(tmp_path, found, "instances")
    for one, expected in zip(values["objects"], (images[1], images[0]), strict=True):
        assert one["mask"]["size"] == list(SIZE)
        np.testing.assert_array_equal(official.decode(one["mask"]), expected)
    values, _ = written(tmp_path, found, "instances", masks="polygons")
    drawn = official.decode(
        official.merge(official.frPyObjects(values["objects"][1]["mask"], *SIZE))
    )
    assert (drawn == images[0]).mean() > 0.995


def test_polygons_contain_exactly_the_pixels_of_the_mask():
    from matplotlib.path import Path

    random = np.random.default_rng(0)
    blobs = np.kron(random.integers(0, 2, (5, 7)), np.ones((3, 3), int)) > 0
    corners = [np.array(one).reshape(-1, 2) for one in polygons(blobs)]
    y, x = np.indices(blobs.shape) + 0.5
    centers = np.stack([x.ravel(), y.ravel()], 1)
    inside = np.zeros(blobs.size, bool)
    for outline in corners:
        inside |= Path(np.concatenate([outline, outline[:1]])).contains_points(centers)
    holes = inside & ~blobs.ravel()
    assert (inside | ~blobs.ravel()).all()
    # Only enclosed holes are filled.
    labeled = holes.reshape(blobs.shape)
    assert not labeled[0].any() and not labeled[-1].any()
    assert polygons(np.zeros((4, 4), bool)) == []
    assert len(polygons(np.ones((4, 4), bool))) == 1


def test_keypoints(tmp_path):
    keypoints = np.arange(4 * 2 * 3, dtype=float).reshape(4, 2, 3)
    values, _ = written(tmp_path, predict(keypoints=keypoints), "instances")
    assert values["objects"][0]["keypoints"] == keypoints[1].tolist()


WORDS = ("<pad>", "<start>", "<end>", "<unk>", "a", "dog", "car")


@pytest.mark.parametrize("as_text", [False, True])
def test_captions(tmp_path, as_text):
    captions = np.array([[4, 5, 0], [4, 6, 0], [4, 3, 0], [0, 0, 0]], np.int32)
    if as_text:
        captions = np.array([b"a dog", b"a car", b"a <unk>", b""], object)
    found = predict(labels=np.array([0, 0, 0, -1]), captions=captions)
    files = PredictionFiles(
        tmp_path, "captioning", drawing_names("captioning", list(WORDS)), min_score=0.0
    )
    values, text = files.write(tmp_path / "photo.jpg", IMAGE, found)
    objects = json.loads(json.dumps(values))["objects"]
    assert [one["caption"] for one in objects] == ["a car", "a dog", "a <unk>"]
    assert {one["label"] for one in objects} == {"region"}
    assert text.startswith("a car; a dog; a <unk> → ")
    width, height = Image.open(values["overlay"]).size
    assert width == SIZE[1] and height > SIZE[0], "captions are drawn below the image"


def test_predictions_about_the_whole_image(tmp_path):
    found = {
        "label": np.int32(1),
        "scores": np.array([0.25, 0.75], np.float32),
        "box": np.array([1, 2, 30, 20.0]),
    }
    values, text = written(tmp_path, found, "localization")
    assert (values["label"], values["score"], values["box"]) == ("night", 0.75, [1, 2, 30, 20])
    assert text.startswith("label night, score 0.75")


def test_names_by_task():
    assert drawing_names("detection", ["a"]).objects == ("a",)
    assert drawing_names("segmentation", ["a"]).classes == ("a",)
    assert drawing_names("localization", ["a"]).labels == ("a",)
    instances = drawing_names("instances", ["a"], ("nose",), ((0, 0),))
    assert (instances.objects, instances.keypoints, instances.skeleton) == (
        ("a",),
        ("nose",),
        ((0, 0),),
    )


def test_reported_rows_without_a_count():
    found = predict()
    del found["num_detections"]
    np.testing.assert_array_equal(reported_rows(found, 0.0), [1, 0, 2])


def test_tables_of_any_result():
    text = result_tables(
        {
            "ap": 0.5,
            "ap_small": None,
            "images": 3,
            "ap_by_class": {"car": 0.25, "dog": None},
            "ap50_by_class": {"car": 0.75, "dog": None},
            "iou": {"sky": 1.0},
            "majority_baseline": {"ap": 0.125},
            "confusion": [[1]],
        }
    )
    lines = [line.split() for line in text.splitlines()]
    assert ["metric", "value", "majority"] in lines
    assert ["ap", "0.5000", "0.1250"] in lines and ["ap_small", "—"] in lines
    assert ["class", "ap", "ap50"] in lines and ["car", "0.2500", "0.7500"] in lines
    assert ["class", "iou"] in lines and ["sky", "1.0000"] in lines
    assert "confusion" not in text and "images" not in text


def test_comparisons_of_objects():
    assert headline("detection").name == "AP50" and headline("segmentation").name == "mean IoU"
    assert metric_name("mask_ap_small") == "mask AP small" and metric_name("pckh") == "PCKh"
    assert headline("captioning").name == "mean AP" and metric_name("meteor") == "METEOR"
    sentences = predict(labels=np.array([0, 0, 0, -1]), captions=np.full((4, 2), 5))
    assert comparison("captioning").draw(IMAGE, sentences, WORDS).std() > 0
    for task in ("detection", "instances"):
        masks = np.ones((4, *SIZE), bool)
        drawn = comparison(task).draw(IMAGE, predict(masks=masks), ("car", "dog"))
        assert drawn.shape[2] == 3 and drawn.std() > 0
