"""Localizer and pose models: losses, metrics, stages and arguments."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.inference.image_transform import ImageTransform
from zoo.localization import set_regression

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 40, 64, 3), dtype=np.uint8)
TRUTH = {"label": np.array([1, 2]), "box": np.array([[4, 8, 20, 32], [30, 2, 60, 30]], np.float32)}


def tiny(name="localizer", **arguments):
    return zoo.card(name).build_tiny(**arguments)


def parts(model, truth=TRUTH):
    """Raw outputs and the loss, each as NumPy."""
    outputs = model(IMAGES)
    loss = float(model.compute_loss(IMAGES, truth, outputs))
    return {key: ops.convert_to_numpy(value) for key, value in outputs.items()}, loss


def cross_entropy(logits, labels):
    logits = logits.astype(np.float64)
    return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels])


def l2(box):
    x0, y0, x1, y1 = TRUTH["box"].T
    truth = np.stack([(x0 + x1) / 2 / 64, (y0 + y1) / 2 / 40, (x1 - x0) / 64, (y1 - y0) / 40], 1)
    return ((box / [64, 40, 64, 40] - truth) ** 2).sum(1).mean()


@pytest.mark.parametrize("per_class", [False, True])
def test_loss_is_the_weighted_sum_relative_to_the_image(per_class):
    model = tiny(per_class=per_class, label_weight=0.5, box_weight=3.0)
    model.compile(jit_compile=False)
    outputs, loss = parts(model)
    box = outputs["box"][[0, 1], TRUTH["label"]] if per_class else outputs["box"]
    expected = 0.5 * cross_entropy(outputs["label"], TRUTH["label"]) + 3 * l2(box)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_learned_loss_weights():
    model = tiny(uncertainty_weighting=True)
    model.compile("sgd", jit_compile=False)
    logs = model.log_variances.variances
    assert any(v is logs for v in model.trainable_variables)
    logs.assign([0.7, -0.4])
    outputs, loss = parts(model)
    expected = (
        np.exp(-0.7) * cross_entropy(outputs["label"], TRUTH["label"])
        + np.exp(0.4) * l2(outputs["box"])
        + 0.3
    )
    assert loss == pytest.approx(expected, rel=1e-4)
    before = ops.convert_to_numpy(logs)
    model.train_on_batch(IMAGES, TRUTH)
    assert (ops.convert_to_numpy(logs) != before).all()


def test_learned_loss_weights_are_saved(tmp_path):
    model = tiny(uncertainty_weighting=True)
    model.log_variances.variances.assign([0.25, 0.5])
    model.save(tmp_path / "model.keras")
    again = zoo.load(tmp_path / "model.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(again.log_variances.variances), [0.25, 0.5])


def test_boxes_are_decoded_to_pixels_of_the_image():
    model = tiny()
    outputs = {
        "label": np.array([[0.0, 5, 0], [0, 0, 5]], np.float32),
        "box": np.array([[12.0, 20, 16, 24], [45, 16, 30, 28]], np.float32),
    }
    # An image of 80×128 scaled down to 40×64.
    transform = ImageTransform(80, 128, 40, 64)
    predictions = model.decode(outputs, transform)
    np.testing.assert_allclose(
        ops.convert_to_numpy(predictions["box"]), 2 * TRUTH["box"], atol=1e-4
    )
    assert ops.convert_to_numpy(predictions["label"]).tolist() == [1, 2]


def test_metric_takes_the_box_of_the_predicted_class():
    model = tiny(per_class=True)
    model.compile(jit_compile=False)
    boxes = np.zeros((2, 3, 4), np.float32)
    boxes[0, 1], boxes[1, 1] = [12, 20, 16, 24], [45, 16, 30, 28]
    logits = np.array([[0, 5, 0], [0, 5, 0]], np.float32)  # correct; correct box, wrong class
    model.compute_metrics(IMAGES, TRUTH, {"label": logits, "box": boxes})
    found = model.get_metrics_result()
    assert float(found["localization_accuracy"]) == 0.5
    assert float(found["mean_iou"]) == pytest.approx(1, abs=1e-5)
    assert float(found["label_accuracy"]) == 0.5


def test_keypoint_errors_are_relative_to_the_person():
    model = tiny("pose_regressor", keypoint_loss="l2")
    model.compile(jit_compile=False)
    joints = np.array([[[10, 10, 2], [20, 30, 1], [0, 0, 0]], [[0, 0, 0]] * 3], np.float32)
    truth = {"keypoints": joints, "box": np.array([[5, 5, 25, 45], [0, 0, 0, 0]], np.float32)}
    found = np.array([[[14, 10], [20, 38], [60, 60]], [[1, 1]] * 3], np.float32)
    loss = float(model.compute_loss(IMAGES, truth, {"keypoints": found}))
    assert loss == pytest.approx(((4 / 20) ** 2 + (8 / 40) ** 2) / 2, rel=1e-5)
    model.compute_metrics(IMAGES, truth, {"keypoints": found})
    assert float(model.get_metrics_result()["pck"]) == 1  # 4 and 8 pixels of 40 · 0.2
    found[0, 1, 1] = 39
    model.compute_metrics(IMAGES, truth, {"keypoints": found})
    assert float(model.get_metrics_result()["pck"]) == pytest.approx(0.75)


def test_a_person_without_a_box_has_the_size_of_the_image():
    model = tiny("pose_regressor", keypoint_loss="l2")
    model.compile(jit_compile=False)
    truth = {"keypoints": np.full((2, 3, 3), 2, np.float32), "box": np.zeros((2, 4), np.float32)}
    found = np.full((2, 3, 2), 2, np.float32) + np.array([6.4, 4], np.float32)
    loss = float(model.compute_loss(IMAGES, truth, {"keypoints": found}))
    assert loss == pytest.approx(0.1**2 + 0.1**2, rel=1e-4)


def test_every_stage_of_the_cascade_has_an_output_and_a_loss():
    model = tiny("pose_cascade")
    assert list(model.output) == ["keypoints", "keypoints_stage2", "keypoints_stage1"]
    assert list(model.task.loss(model)) == list(model.output)
    first = model(IMAGES)
    # The later stages initially move the keypoints hardly at all.
    for later in ("keypoints", "keypoints_stage2"):
        gap = np.abs(ops.convert_to_numpy(first[later] - first["keypoints_stage1"])).max()
        assert 0 < gap < 2
    single = tiny("pose_cascade", num_stages=1)
    assert list(single.output) == ["keypoints"]


def test_set_regression():
    model = tiny("pose_classifier")
    random = np.random.default_rng(1)
    weights, intercepts = random.normal(size=(3, 10)), random.normal(size=3)
    mean, deviation = random.normal(size=10), random.uniform(0.5, 2, 10)
    set_regression(model, weights, intercepts, mean, deviation)
    vector = keras.Model(model.input, model.get_layer("pose_vector").output)
    standard = (ops.convert_to_numpy(vector(IMAGES)) - mean) / deviation
    found = ops.convert_to_numpy(model(IMAGES)["label"])
    np.testing.assert_allclose(found, standard @ weights.T + intercepts, rtol=1e-4, atol=1e-4)
    with pytest.raises(zoo.InputError, match="2 classes on 10 values does not match"):
        set_regression(model, weights[:2], intercepts[:2], mean, deviation)


def test_class_loss_trains_only_the_regression():
    tf = pytest.importorskip("tensorflow")
    model = tiny("pose_classifier", keypoint_weight=0.0)
    model.compile(jit_compile=False)
    truth = {**TRUTH, "keypoints": np.full((2, 5, 3), 9, np.float32)}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(IMAGES, truth, model(IMAGES))
    moved = {
        variable.path.split("/")[0]
        for variable, gradient in zip(
            model.trainable_variables,
            tape.gradient(loss, [v.value for v in model.trainable_variables]),
            strict=True,
        )
        if gradient is not None and np.abs(gradient).max() > 0
    }
    assert moved == {"pose_logits"}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("localizer", {"box_loss": "l1"}, "box_loss must be 'l2', 'smooth_l1' or 'giou', not 'l1'"),
        ("localizer", {"box_weight": -1.0}, "box_weight must be at least 0, not -1.0"),
        ("localizer", {"backbone": "vgg"}, "backbone 'vgg'"),
        ("pose_regressor", {"num_keypoints": 0}, "num_keypoints must be at least 1"),
        ("pose_regressor", {"cells": 0}, "cells must be at least 1"),
        ("pose_cascade", {"torso": (0, 1, 2, 9)}, "torso "),
        ("pose_cascade", {"crop_width": 0}, "pose_cascade: crop_width must be above 0, not 0"),
        ("pose_classifier", {"num_classes": 1}, "num_classes must be at least 2"),
    ],
)
def test_illegal_arguments(name, arguments, message):
    with pytest.raises(zoo.InputError, match=message):
        tiny(name, **arguments)


def test_a_missing_target_is_named():
    model = tiny()
    model.compile(jit_compile=False)
    with pytest.raises(zoo.InputError, match=r"targets must contain 'box' \(B, 4\)"):
        model.compute_loss(IMAGES, {"label": TRUTH["label"]}, model(IMAGES))
