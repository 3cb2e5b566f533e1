"""COCO's metrics: equal to its code's, perfect for perfect predictions, None where undefined."""

import json

import numpy as np
import pytest
from detection_cases import imperfect, official, perfect, predicting, random_samples

from training.data.sources import open_source
from training.evaluation import EVALUATIONS, evaluate_detection, evaluate_predictor
from training.evaluation.coco_metrics import BOX_METRICS, KEYPOINT_METRICS
from training.evaluation.object_matching import full_masks
from training.evaluation.oks import COCO_KEYPOINTS, keypoint_sigmas
from zoo.errors import InputError

NAMES = ("car", "dog", "cup", "kite")
KINDS = {"bbox": "", "segm": "mask_", "keypoints": "keypoint_"}


def numbers(result, kind):
    names = KEYPOINT_METRICS if kind == "keypoints" else BOX_METRICS
    values = [result[KINDS[kind] + name] for name in names]
    return [-1 if value is None else value for value in values]


def coco_mini(shared_data, split="val"):
    """The pack's boxes and persons' joints as samples, read without the zoo."""
    folder = shared_data / "coco_mini" / "annotations"
    data = json.loads((folder / f"instances_{split}.json").read_text())
    people = json.loads((folder / f"person_keypoints_{split}.json").read_text())
    joints = {one["id"]: one["keypoints"] for one in people["annotations"]}
    numbers = {one["id"]: i for i, one in enumerate(data["categories"])}
    for place, image in enumerate(data["images"]):
        mine = [one for one in data["annotations"] if one["image_id"] == image["id"]]
        boxes = np.array([one["bbox"] for one in mine], float).reshape(-1, 4)
        yield image["file_name"], {
            "image": np.full((image["height"], image["width"], 3), place, np.uint8),
            "boxes": np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1),
            "labels": np.array([numbers[one["category_id"]] for one in mine], np.int32),
            "crowd": np.array([one["iscrowd"] for one in mine], bool),
            "masks": np.ones((len(mine), 14, 14), np.uint8),
            "keypoints": np.array(
                [joints.get(one["id"], [0] * 51) for one in mine], float
            ).reshape(-1, 17, 3),
        }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_pycocotools(seed):
    pytest.importorskip("pycocotools")
    samples = list(random_samples(seed))
    predictions = imperfect(samples, seed + 10)
    result = evaluate_detection(
        predicting(predictions), samples, NAMES, keypoint_names=COCO_KEYPOINTS
    )
    for kind in KINDS:
        expected = official(samples, predictions, kind)
        np.testing.assert_allclose(numbers(result, kind), expected, atol=1e-12, err_msg=kind)
        assert 0 < expected[0] < 1, kind
    assert result["images"] == len(samples)


def test_equal_to_pycocotools_on_real_labels(shared_data):
    pytest.importorskip("pycocotools")
    samples = list(coco_mini(shared_data))
    predictions = imperfect(samples, 1, classes=80)
    names = tuple(map(str, range(80)))
    result = evaluate_detection(
        predicting(predictions), samples, names, keypoint_names=COCO_KEYPOINTS
    )
    for kind in KINDS:
        expected = official(samples, predictions, kind, classes=80)
        np.testing.assert_allclose(numbers(result, kind), expected, atol=1e-12, err_msg=kind)


def test_perfect_predictions():
    samples = list(random_samples(5))
    predictions = [perfect(sample) for _, sample in samples]
    done = []
    result = evaluate_detection(
        predicting(predictions), samples, NAMES, done.append, keypoint_names=COCO_KEYPOINTS
    )
    for key in ("ap", "ap50", "ap75", "ar100", "mask_ap", "mask_ap50", "voc_ap50", "voc07_ap50"):
        assert result[key] == pytest.approx(1.0), key
    assert result["keypoint_ap"] == pytest.approx(1.0)
    assert all(value in (None, pytest.approx(1.0)) for value in result["ap50_by_class"].values())
    assert list(result["ap50_by_class"]) == list(NAMES)
    assert done == list(range(1, len(samples) + 1))
    json.dumps(result)


def test_masks_of_the_image_and_of_the_boxes_are_the_same():
    samples = list(random_samples(2))
    predictions = imperfect(samples, 3)
    whole = [
        {**a, "masks": np.stack(list(full_masks(a["masks"], a["boxes"], s["image"].shape[:2])))}
        for a, (_, s) in zip(predictions, samples, strict=True)
    ]
    framed = evaluate_detection(predicting(predictions), samples, NAMES)
    assert evaluate_detection(predicting(whole), samples, NAMES) == framed


def make_image(**objects):
    base = {"image": np.zeros((100, 100, 3), np.uint8)}
    return [("0.png", {**base, **{key: np.array(value) for key, value in objects.items()}})]


def test_a_crowd_takes_any_number_of_predictions():
    """Ten predictions within the crowd are ignored; one outside is a false positive."""
    truth = make_image(boxes=[[0, 0, 20, 20], [40, 0, 100, 60]], labels=[0, 0], crowd=[False, True])
    inside = [[40 + 5 * i, 10, 45 + 5 * i, 30] for i in range(10)]
    prediction = {"boxes": np.array([*inside, [0, 0, 20, 20]], float)}
    prediction |= {"labels": np.zeros(11, int), "scores": np.linspace(0.9, 0.1, 11)}
    assert evaluate_detection(lambda _: prediction, truth, NAMES)["ap"] == pytest.approx(1.0)
    prediction["boxes"][0] = [0, 70, 20, 90]
    assert evaluate_detection(lambda _: prediction, truth, NAMES)["ap"] == pytest.approx(0.5)


def test_a_difficult_object_counts_neither_way():
    truth = make_image(
        boxes=[[0, 0, 20, 20], [40, 0, 100, 60]], labels=[0, 0], difficult=[False, True]
    )
    one = {"boxes": np.array([[0.0, 0, 20, 20]]), "labels": np.array([0]), "scores": [0.5]}
    both = {
        "boxes": np.array([[40.0, 0, 100, 60], [0, 0, 20, 20]]),
        "labels": np.array([0, 0]),
        "scores": np.array([0.9, 0.5]),
    }
    for prediction in (one, both):
        result = evaluate_detection(lambda _, prediction=prediction: prediction, truth, NAMES)
        assert result["ap"] == result["voc_ap50"] == result["ar100"] == pytest.approx(1.0)


def test_nothing_labeled_is_none_and_nothing_predicted_is_zero():
    nothing = {"boxes": np.zeros((3, 4)), "labels": np.full(3, -1), "scores": np.zeros(3)}
    empty = make_image(boxes=np.zeros((0, 4)), labels=np.zeros(0, int))
    result = evaluate_detection(lambda _: nothing, empty, NAMES)
    assert {result[key] for key in BOX_METRICS} == {None}
    assert result["voc_ap50"] is None and set(result["voc_ap50_by_class"].values()) == {None}
    truth = make_image(boxes=[[0, 0, 50, 50]], labels=[2])
    result = evaluate_detection(lambda _: nothing, truth, NAMES)
    assert result["ap"] == result["ap50"] == result["voc07_ap50"] == 0.0
    assert result["ap_small"] is None
    assert result["ap50_by_class"] == {"car": None, "dog": None, "cup": 0.0, "kite": None}


@pytest.mark.parametrize(
    ("truth", "prediction", "words"),
    [
        (4, 0, "0.png: labels must be classes from 0 to 3, not 4"),
        (0, 4, "0.png: the predicted class is 4, but the data set has 4 classes"),
    ],
)
def test_classes_that_there_are_not(truth, prediction, words):
    samples = make_image(boxes=[[0, 0, 5, 5]], labels=[truth])
    found = {"boxes": np.ones((1, 4)), "labels": np.array([prediction]), "scores": np.ones(1)}
    with pytest.raises(InputError) as caught:
        evaluate_detection(lambda _: found, samples, NAMES)
    assert words in str(caught.value)


def test_what_cannot_be_measured():
    with pytest.raises(InputError, match="no image to evaluate on"):
        evaluate_detection(lambda _: {}, [], NAMES)
    with pytest.raises(InputError, match=r"0\.png: no boxes to evaluate on"):
        evaluate_detection(lambda _: {}, make_image(), NAMES)
    broken = {"boxes": np.full((1, 4), np.nan), "labels": np.zeros(1), "scores": np.ones(1)}
    with pytest.raises(ValueError, match=r"0\.png: predicted boxes and scores must be finite, not"):
        evaluate_detection(lambda _: broken, make_image(boxes=[[0, 0, 5, 5]], labels=[0]), NAMES)


def test_spread_of_joints():
    plain = keypoint_sigmas(COCO_KEYPOINTS, 17)
    order = np.random.default_rng(0).permutation(17)
    mixed = [COCO_KEYPOINTS[i].replace("_", " ").title() for i in order]
    np.testing.assert_array_equal(keypoint_sigmas(mixed, 17), plain[order])
    for names, count in ((["Left knee", "antenna"], 2), ([], 5)):
        np.testing.assert_array_equal(keypoint_sigmas(names, count), np.full(count, plain.mean()))


def test_found_by_its_task():
    assert EVALUATIONS["detection"] is EVALUATIONS["instances"] is evaluate_detection


def test_the_labels_of_a_data_set_as_predictions(shared_data):
    """The samples of a reader, crowds included, are perfect predictions."""
    source = open_source(f"coco:{shared_data / 'coco_mini'}")
    samples = list(source.samples("val"))
    predictions = []
    for _, sample in samples:
        kept = (sample["labels"] >= 0) & ~sample["crowd"]
        prediction = {key: sample[key][kept] for key in ("boxes", "labels", "masks")}
        predictions.append({**prediction, "scores": np.linspace(1, 0.5, kept.sum())})
    left = iter(predictions)
    result = evaluate_predictor("instances", lambda _: next(left), source, "val", samples=samples)
    for key in ("ap", "ap_small", "ap_large", "mask_ap", "mask_ap75", "voc_ap50"):
        assert result[key] == pytest.approx(1.0), key
    assert sum(sample["crowd"].sum() for _, sample in samples) == 1
