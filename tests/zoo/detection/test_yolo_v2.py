"""YOLOv2's loss and decoding against loops written from the definition, in float64."""

import warnings

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InputError
from zoo.inference.image_transform import ImageTransform

PRIORS = ((0.6, 0.8), (1.5, 1.2))
CLASSES = 3


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.build(
        "yolo_v2",
        num_classes=CLASSES,
        input_shape=(64, 96, 3),
        width=0.125,
        anchor_priors=PRIORS,
        backbone_options={"blocks": (1, 1, 1, 1, 1, 1)},
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def overlap(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / both if both > 0 else 0.0


def predicted(cells, row, column, prior):
    t = cells[row, column].reshape(len(PRIORS), -1)[prior]
    x, y = sigmoid(t[0]) + column, sigmoid(t[1]) + row
    w, h = PRIORS[prior][0] * np.exp(t[2]), PRIORS[prior][1] * np.exp(t[3])
    return t, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def by_hand(cells, boxes, labels, early):
    """The parts of one image's loss; boxes in cells."""
    rows, columns = cells.shape[:2]
    parts = dict.fromkeys(("box", "object", "no_object", "class", "prior"), 0.0)
    predicting = {}
    for number, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        if label < 0:
            continue
        w, h = box[2] - box[0], box[3] - box[1]
        shapes = [overlap((0, 0, w, h), (0, 0, *prior)) for prior in PRIORS]
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        predicting[int(y), int(x), int(np.argmax(shapes))] = number
    for row in range(rows):
        for column in range(columns):
            for prior in range(len(PRIORS)):
                t, found = predicted(cells, row, column, prior)
                number = predicting.get((row, column, prior))
                if number is None:
                    best = max([overlap(found, b) for b, k in zip(boxes, labels, strict=True)
                                if k >= 0], default=0)  # fmt: skip
                    if best <= 0.6:
                        parts["no_object"] += sigmoid(t[4]) ** 2 / 2
                    if early:
                        away = (sigmoid(t[0]) - 0.5) ** 2 + (sigmoid(t[1]) - 0.5) ** 2
                        parts["prior"] += 0.01 * (away + t[2] ** 2 + t[3] ** 2) / 2
                    continue
                box = boxes[number]
                w, h = box[2] - box[0], box[3] - box[1]
                x, y = (box[0] + box[2]) / 2 - column, (box[1] + box[3]) / 2 - row
                away = (sigmoid(t[0]) - x) ** 2 + (sigmoid(t[1]) - y) ** 2
                away += (t[2] - np.log(w / PRIORS[prior][0])) ** 2
                away += (t[3] - np.log(h / PRIORS[prior][1])) ** 2
                parts["box"] += (2 - w * h / (rows * columns)) * away / 2
                parts["object"] += 5 * (overlap(found, box) - sigmoid(t[4])) ** 2 / 2
                likely = np.exp(t[5:]) / np.exp(t[5:]).sum()
                parts["class"] -= np.log(likely[labels[number]])
    return parts


@pytest.mark.parametrize("early", [True, False])
def test_loss_matches_the_definition(model, early):
    random = np.random.default_rng(1)
    cells = random.normal(0, 1, (2, 2, 3, 2 * (5 + CLASSES))).astype("float32")
    boxes = np.zeros((2, 4, 4), "float32")
    labels = np.full((2, 4), -1, "int32")
    boxes[0, :2] = [[0.2, 0.1, 0.9, 1.2], [1.1, 0.4, 2.9, 1.7]]
    labels[0, :2] = [2, 0]
    # An overlapping prediction that is exempt, and two objects with one prediction.
    _, near = predicted(cells[1].astype(float), 1, 1, 0)
    boxes[1, :3] = [near, [0.1, 0.1, 0.7, 0.9], [0.15, 0.05, 0.8, 0.9]]
    labels[1, :3] = [1, 0, 2]
    model.seen.assign(0.0 if early else 12_800.0)
    targets = {"boxes": 32 * boxes, "labels": labels}
    found = model.compute_losses(None, targets, {"cells": cells}, training=False)
    expected = [
        by_hand(cells[i].astype(float), boxes[i].astype(float), labels[i], early) for i in (0, 1)
    ]
    for part, value in found.items():
        mean = (expected[0][part] + expected[1][part]) / 2
        np.testing.assert_allclose(float(value), mean, rtol=1e-4, err_msg=part)
    assert float(found["box"]) > 0 and (float(found["prior"]) > 0) == early


def test_overlapping_predictions_have_no_objectness_loss(model):
    cells = np.zeros((1, 2, 3, 2 * (5 + CLASSES)), "float32")
    # The prior (0.6, 0.8) in the middle of cell (0, 0) overlaps this box by 0.75, but another
    # prior has its shape.
    boxes = np.array([[[0.2, 0.1, 0.8, 0.9], [0, 0, 0, 0]]], "float32")
    empty = {"boxes": 32 * boxes, "labels": np.array([[-1, -1]])}
    all_empty = float(model.compute_losses(None, empty, {"cells": cells}, False)["no_object"])
    assert all_empty == pytest.approx(12 * 0.25 / 2)
    one = {"boxes": 32 * boxes, "labels": np.array([[1, -1]])}
    found = model.compute_losses(None, one, {"cells": cells}, False)
    assert float(found["no_object"]) == pytest.approx(11 * 0.25 / 2)


def test_predictions_match_the_definition(model):
    random = np.random.default_rng(2)
    cells = random.normal(0, 2, (1, 2, 3, 2 * (5 + CLASSES))).astype("float32")
    predictions = model.decode({"cells": cells}, ImageTransform(64, 96, 64, 96))
    scores, boxes = [], []
    for row in range(2):
        for column in range(3):
            for prior in range(2):
                t, box = predicted(cells[0].astype(float), row, column, prior)
                likely = np.exp(t[5:]) / np.exp(t[5:]).sum()
                scores += [(sigmoid(t[4]) * likely[k], k, len(boxes)) for k in range(CLASSES)]
                boxes.append(np.array(box) * 32)
    selected = []
    for score, label, number in sorted(scores, reverse=True):
        if score > 0.005 and all(
            label != k or overlap(boxes[number], boxes[m]) <= 0.45 for _, k, m in selected
        ):
            selected.append((score, label, number))
    count = int(predictions["num_detections"][0])
    assert count == len(selected)
    np.testing.assert_allclose(
        predictions["scores"][0, :count], [k[0] for k in selected], atol=1e-5
    )
    assert list(np.asarray(predictions["labels"][0, :count])) == [k[1] for k in selected]
    inside = np.clip([boxes[k[2]] for k in selected], 0, [96, 64, 96, 64])
    np.testing.assert_allclose(predictions["boxes"][0, :count], inside, atol=1e-3)


def test_parameters_of_both_passthroughs():
    def count(**arguments):
        from zoo.abstract_build import build_abstract

        model = build_abstract(lambda: zoo.build("yolo_v2", **arguments))
        return sum(int(np.prod(v.shape)) for v in model.weights) - 1

    assert count() == 50_676_061
    assert count(num_classes=80) == 50_983_561


def test_priors_without_area_are_refused():
    with pytest.raises(InputError, match="anchor_priors must be"):
        zoo.build("yolo_v2", anchor_priors=((1.0, 0.0),))
    with pytest.raises(InputError, match="passthrough"):
        zoo.build("yolo_v2", passthrough="papers")


def test_one_class_and_no_metrics():
    model = zoo.build("yolo_v2", **{**zoo.card("yolo_v2").tiny, "num_classes": 1})
    images = np.zeros((1, 32, 32, 3), "float32")
    targets = {"boxes": np.array([[[2.0, 2, 20, 20]]]), "labels": np.zeros((1, 1), "int32")}
    with pytest.raises(ValueError, match="metrics must be None or"):
        model.compile("sgd", metrics=["mse"])
    for metrics in ([], None):
        model.compile("sgd", metrics=metrics, run_eagerly=True)
        assert np.isfinite(model.train_on_batch(images, targets)).all()
    with warnings.catch_warnings():
        # Keras warns of a softmax over one class.
        warnings.simplefilter("error", UserWarning)
        scores = zoo.predict(model, images)["scores"]
    assert np.isfinite(keras.ops.convert_to_numpy(scores)).all()
