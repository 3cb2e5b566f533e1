"""Losses and metrics of one object against float64 NumPy written from their definitions."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.errors import InputError
from zoo.losses import BoxLoss, KeypointLoss, LabelCrossEntropy
from zoo.losses.localization_losses import box_of_class, corners
from zoo.metrics.single_object_metrics import (
    BoxIoU,
    CorrectKeypoints,
    LocalizationAccuracy,
    TopAccuracy,
)

RANDOM = np.random.default_rng(0)


def huber(x, beta):
    return np.where(np.abs(x) < beta, 0.5 * x**2 / beta, np.abs(x) - 0.5 * beta)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_ignores_missing_labels(smoothing):
    logits = RANDOM.normal(0, 3, (5, 4))
    labels = np.array([2, -1, 0, 3, -1])
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    each = -(truth * np.log(shares)).sum(1)
    loss = LabelCrossEntropy(smoothing)
    found = float(loss(labels, logits.astype("float32")))
    assert found == pytest.approx(each[labels >= 0].mean(), rel=1e-5)
    weights = np.array([2.0, 1, 0, 1, 1], np.float32)
    weighted = float(loss(labels, logits.astype("float32"), weights))
    assert weighted == pytest.approx((weights * each)[labels >= 0].sum() / 3, rel=1e-5)
    assert float(loss(np.full(5, -1), logits.astype("float32"))) == 0


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("kind", ["l2", "smooth_l1", "giou"])
def test_box_loss(kind, per_class):
    truth = np.concatenate([RANDOM.uniform(0.2, 0.6, (4, 4)), [[1], [0], [2], [1]]], 1)
    truth[3, 2:4] = 0  # no object
    boxes = RANDOM.uniform(0.1, 0.7, (4, 3, 4) if per_class else (4, 4))
    matched = boxes[np.arange(4), truth[:, 4].astype(int)] if per_class else boxes
    difference = matched - truth[:, :4]
    if kind == "l2":
        each = (difference**2).sum(1)
    elif kind == "smooth_l1":
        each = huber(difference, 0.1).sum(1)
    else:
        each = 1 - np.array([giou(*pair) for pair in zip(truth[:, :4], matched, strict=True)])
    found = float(BoxLoss(kind)(truth.astype("float32"), boxes.astype("float32")))
    assert found == pytest.approx(each[:3].mean(), rel=1e-5)


def giou(a, b):
    """From Rezatofighi et al.: IoU minus the fraction of the hull that neither covers."""
    (al, at, ar, ab), (bl, bt, br, bb) = (
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in (a, b)
    )
    shared = max(min(ar, br) - max(al, bl), 0) * max(min(ab, bb) - max(at, bt), 0)
    union = a[2] * a[3] + b[2] * b[3] - shared
    hull = (max(ar, br) - min(al, bl)) * (max(ab, bb) - min(at, bt))
    return shared / union - (hull - union) / hull


@pytest.mark.parametrize("kind", ["l2", "smooth_l1", "giou"])
def test_image_without_an_object_has_no_gradient(kind):
    tf = pytest.importorskip("tensorflow")
    boxes = tf.Variable([[0.5, 0.5, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    with tf.GradientTape() as tape:
        loss = BoxLoss(kind)(tf.constant([[0.0, 0, 0, 0, -1], [0.2, 0.2, 0.2, 0.2, 0]]), boxes)
    gradient = tape.gradient(loss, boxes).numpy()
    assert np.isfinite(gradient).all() and (gradient[0] == 0).all() and gradient[1].any()


@pytest.mark.parametrize("kind", ["l2", "smooth_l1"])
def test_joint_loss_ignores_absent_joints(kind):
    truth = RANDOM.uniform(0, 1, (3, 5, 3))
    truth[..., 2] = RANDOM.integers(0, 3, (3, 5))
    truth[0, :, 2] = 0
    truth[1, 0] = [np.nan, np.nan, 0]  # coordinates of an absent joint are ignored
    found = RANDOM.uniform(0, 1, (3, 5, 2))
    difference = found - truth[..., :2]
    each = (difference**2 if kind == "l2" else huber(difference, 0.05)).sum(-1)
    expected = each[truth[..., 2] > 0].mean()
    loss = float(KeypointLoss(kind)(truth.astype("float32"), found.astype("float32")))
    assert loss == pytest.approx(expected, rel=1e-5)
    truth[..., 2] = 0
    assert float(KeypointLoss(kind)(truth.astype("float32"), found.astype("float32"))) == 0


def test_top_accuracy():
    logits = np.array([[3.0, 2, 1], [1, 3, 2], [2, 2, 0], [0, 0, 9]], np.float32)
    labels = np.array([0, 2, 1, -1])
    first, second = TopAccuracy(), TopAccuracy(2)
    for metric in (first, second):
        metric.update_state(labels, logits)
    # Correct; second; a tie, which counts as wrong; no label.
    assert float(first.result()) == pytest.approx(1 / 3)
    assert float(second.result()) == pytest.approx(1)
    first.update_state(labels, np.full_like(logits, np.nan))
    assert float(first.result()) == pytest.approx(1 / 6)


def test_localization_metrics():
    truth = np.array([[0, 0, 10, 10, 1], [0, 0, 10, 10, 1], [0, 0, 10, 10, 2], [0] * 5])
    found = np.array([[0, 0, 10, 6, 1], [5, 5, 15, 15, 1], [0, 0, 10, 10, 1], [0, 0, 9, 9, 0]])
    right, overlap = LocalizationAccuracy(), BoxIoU()
    for metric in (right, overlap):
        metric.update_state(truth.astype("float32"), found.astype("float32"))
    # IoU 0.6 and correct; IoU 1/7; IoU 1 of another class; no object.
    assert float(right.result()) == pytest.approx(1 / 3)
    assert float(overlap.result()) == pytest.approx((0.6 + 25 / 175 + 1) / 3, rel=1e-6)


def test_correct_keypoints():
    truth = np.array([[[0, 0, 2], [0.5, 0.5, 1], [0.9, 0.9, 0]]], np.float32)
    found = np.array([[[0.1, 0.1], [0.5, 0.75], [0.9, 0.9]]], np.float32)
    metric = CorrectKeypoints()
    metric.update_state(truth, found)
    assert float(metric.result()) == pytest.approx(0.5)


def test_boxes_of_a_class_and_corners():
    boxes = RANDOM.normal(size=(2, 3, 4)).astype("float32")
    chosen = ops.convert_to_numpy(box_of_class(boxes, np.array([2, 0])))
    np.testing.assert_allclose(chosen, [boxes[0, 2], boxes[1, 0]], rtol=1e-6)
    box = ops.convert_to_numpy(corners(np.array([[5.0, 6, -4, 2]], np.float32)))
    np.testing.assert_allclose(box, [[3, 5, 7, 7]])


@pytest.mark.parametrize("make", [BoxLoss, KeypointLoss])
def test_unknown_kinds(make):
    with pytest.raises(InputError, match=r"must be 'l2'(,| or) 'smooth_l1'"):
        make("l3")


@pytest.mark.parametrize(
    "thing", [BoxLoss("giou"), KeypointLoss("l2"), LabelCrossEntropy(0.1), TopAccuracy(5)]
)
def test_get_config_and_from_config(thing):
    assert type(thing).from_config(thing.get_config()).get_config() == thing.get_config()
    assert keras.saving.serialize_keras_object(thing)["registered_name"].startswith("zoo.")
