"""Measures of one object per image, on numbers worked out by hand."""

import numpy as np
import pytest

from training.evaluation import EVALUATIONS
from training.evaluation.localization_metrics import box_iou
from training.evaluation.pose_metrics import evaluate_pose, evaluate_pose_classification
from zoo.errors import InputError

NAMES = ["cat", "dog", "owl"]
JOINTS = ("right shoulder", "left shoulder", "right hip", "left hip", "neck", "head top")
IMAGE = np.zeros((60, 80, 3), np.uint8)


def run(task, truths, predictions, names=NAMES, joints=()):
    """Evaluates predictions in the order of their labels."""
    left = iter(predictions)
    samples = [(f"image {i}", {"image": IMAGE, **truth}) for i, truth in enumerate(truths)]
    counts = []
    found = EVALUATIONS[task](lambda image: next(left), samples, names, counts.append, joints)
    assert counts == list(range(1, len(truths) + 1))
    return found


def label(number, classes=3):
    return {"label": np.int32(number), "scores": np.eye(classes, dtype=np.float32)[number]}


def test_classification():
    truths = [{"label": np.int32(n)} for n in (0, 0, 1, 2, -1)]
    found = run("classification", truths, [label(n) for n in (0, 1, 1, 1, 0)])
    assert found["accuracy"] == 0.5 and found["top5_accuracy"] is None
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert found["accuracy_by_class"] == {"cat": 0.5, "dog": 1.0, "owl": 0.0}
    assert found["mean_accuracy"] == 0.5 and found["images"] == 4
    assert found["majority_baseline"] == {"accuracy": 0.5}


def test_top_five_counts_ties_against_the_prediction():
    scores = [[0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0.0], [0.4, 0.3, 0.1, 0.09, 0.06, 0.05, 0.0]]
    predictions = [{"label": np.int32(0), "scores": np.array(row)} for row in scores]
    truths = [{"label": np.int32(5)}, {"label": np.int32(4)}]
    assert run("classification", truths, predictions, list("abcdefg"))["top5_accuracy"] == 0.5


def test_localization():
    truths = [
        {"label": np.int32(0), "box": np.array([0, 0, 10, 10], np.float32)},
        {"label": np.int32(1), "box": np.array([0, 0, 10, 10], np.float32)},
        {"label": np.int32(2), "box": np.array([0, 0, 10, 10], np.float32)},
        {"label": np.int32(-1), "box": np.zeros(4, np.float32)},
    ]
    boxes = [[0, 0, 10, 6], [5, 5, 15, 15], [0, 0, 10, 10]]
    predictions = [
        {**label(n), "box": np.array(box)} for n, box in zip((0, 1, 1), boxes, strict=True)
    ]
    found = run("localization", truths, predictions)
    assert found["localization_accuracy"] == pytest.approx(1 / 3)
    assert found["box_accuracy"] == pytest.approx(2 / 3)
    assert found["mean_iou"] == pytest.approx((0.6 + 25 / 175 + 1) / 3)
    assert found["accuracy"] == pytest.approx(2 / 3) and found["images"] == 3
    assert box_iou(np.zeros(4), np.array([1.0, 1, 0, 0])) == 0


def person(shift=0.0):
    """Shoulders, hips, neck and head: torso 20 high and 20 wide, head of 10, box of 40×50."""
    points = np.array([[10, 20], [30, 20], [10, 40], [30, 40], [20, 18], [20, 8]], np.float64)
    joints = np.concatenate([points + shift, np.full((6, 1), 2)], axis=1)
    return {"keypoints": joints.astype(np.float32), "box": np.array([0, 0, 40, 50], np.float32)}


def test_pose():
    truth, absent = person(), person()
    truth["keypoints"][3] = 0  # no left hip
    absent["keypoints"][:] = 0
    found = np.array(person()["keypoints"])
    found[0, 0] += 4  # right shoulder 4 off: within 0.1 · 50, not 0.05 · 50
    found[4, 1] += 6  # neck 6 off: beyond half a head of 10 and 0.2 · the diagonal of 28.3
    found[5, 1] -= 11  # head top 11 off: beyond everything
    found[3] = 77  # without a label
    result = run("pose", [truth, absent], [{"keypoints": found}] * 2, (), JOINTS)
    assert result["images"] == 1
    assert result["pck"] == pytest.approx(4 / 5) and result["pck_10"] == pytest.approx(3 / 5)
    assert result["pck_05"] == pytest.approx(2 / 5)
    assert result["pckh"] == pytest.approx(3 / 5) and result["pdj"] == pytest.approx(3 / 5)
    assert result["pck_by_keypoint"]["left hip"] is None
    assert result["pck_by_keypoint"]["head top"] == 0
    # Shoulders to the neck are 10.2 long: both are right but where the neck is 6 off.
    limbs = result["pcp_by_limb"]
    assert limbs["right shoulder - neck"] == 0 and limbs["left shoulder - neck"] == 0
    assert limbs["neck - head top"] == 0
    assert limbs["right shoulder - right hip"] == 1 and limbs["left shoulder - left hip"] is None
    assert result["pcp"] == pytest.approx(1 / 4)
    # Not COCO's joints, so each has the mean of COCO's spreads.
    spread = np.mean([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
    errors = np.array([4.0, 0, 0, 6, 11])
    oks = np.exp(-(errors**2) / (2 * 40 * 50 * (2 * spread) ** 2)).mean()
    assert result["oks"] == pytest.approx(oks, rel=1e-6)


def test_without_names_what_needs_them_is_none():
    result = run("pose", [person()], [{"keypoints": person()["keypoints"]}], (), ())
    assert result["pck"] == 1 and result["oks"] == 1
    assert result["pckh"] is None and result["pdj"] is None and result["pcp"] is None


def test_the_mean_pose_is_the_baseline():
    truths = [person(-20), person(20)]  # each 20·√2 off their mean: beyond 0.2 · 50
    found = run("pose", truths, [{"keypoints": t["keypoints"]} for t in truths], (), JOINTS)
    assert found["pck"] == 1 and found["mean_pose_baseline"] == {"pck": 0.0}
    near = [person(-2), person(2)]
    found = run("pose", near, [{"keypoints": t["keypoints"]} for t in near], (), JOINTS)
    assert found["mean_pose_baseline"] == {"pck": 1.0}


def test_pose_classification():
    truths = [{**person(), "label": np.int32(n)} for n in (0, 1)]
    predictions = [{**label(0, 2), "keypoints": person()["keypoints"]}] * 2
    found = run("pose_classification", truths, predictions, ["calm", "aggressive"], JOINTS)
    assert found["accuracy"] == 0.5 and found["majority_baseline"] == {"accuracy": 0.5}
    assert found["pck"] == 1 and found["pdj"] == 1


@pytest.mark.parametrize("task", ["classification", "localization", "pose", "pose_classification"])
def test_nothing_to_measure_on(task):
    with pytest.raises(InputError, match="no labeled image"):
        EVALUATIONS[task](lambda image: None, [], NAMES)


def test_other_classes_and_keypoints_are_refused():
    with pytest.raises(InputError, match="image 0: label must be a class from 0 to 2, not 3"):
        run("classification", [{"label": np.int32(3)}], [label(0)])
    with pytest.raises(InputError, match="the predicted class is 4 of 5, but the data set has 3"):
        run("classification", [{"label": np.int32(0)}], [label(4, 5)])
    few = {"keypoints": person()["keypoints"][:4]}
    samples = [("one.jpg", {"image": IMAGE, **person()})]
    with pytest.raises(InputError, match=r"one\.jpg: 6 labeled keypoints, but 4 predicted"):
        evaluate_pose(lambda image: few, samples, ())
    posed = [("one.jpg", {"image": IMAGE, "label": np.int32(-1), **person()})]
    with pytest.raises(InputError, match="no labeled image"):
        evaluate_pose_classification(
            lambda image: {**label(0), "keypoints": person()["keypoints"]}, posed, NAMES
        )
