"""YOLOv1's loss and decoding against loops written from the definition, in float64."""

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InputError
from zoo.inference.image_transform import ImageTransform

SIDE, BOXES, CLASSES = 2, 2, 3


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.card("yolo_v1").build_tiny()


def overlap(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / both if both > 0 else 0.0


def parts_of(vector):
    """Class scores (S, S, C), confidences (S, S, B) and boxes (S, S, B, 4) of the last layer."""
    classes, confidence, boxes = np.split(vector, [4 * CLASSES, 4 * (CLASSES + BOXES)])
    return (
        classes.reshape(SIDE, SIDE, CLASSES),
        confidence.reshape(SIDE, SIDE, BOXES),
        boxes.reshape(SIDE, SIDE, BOXES, 4),
    )


def corners(raw, row, column):
    """A box as fractions of the image."""
    x, y, w, h = (raw[0] + column) / SIDE, (raw[1] + row) / SIDE, raw[2] ** 2, raw[3] ** 2
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def by_hand(vector, boxes, labels):
    """The paper's sums for one image; boxes as fractions of it."""
    classes, confidence, raws = parts_of(vector)
    parts = dict.fromkeys(("box", "object", "no_object", "class"), 0.0)
    parts["no_object"] = 0.5 * (confidence**2).sum()
    assigned = set()
    for box, label in zip(boxes, labels, strict=True):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        row, column = int(y * SIDE), int(x * SIDE)
        if label < 0 or (row, column) in assigned:
            continue
        assigned.add((row, column))
        found = [corners(raw, row, column) for raw in raws[row, column]]
        overlaps = [overlap(each, box) for each in found]
        if max(overlaps) > 0:
            best = int(np.argmax(overlaps))
        else:
            best = int(np.argmin([away(each, box) for each in found]))
        raw, sure = raws[row, column, best], confidence[row, column, best]
        parts["box"] += 5 * (
            (raw[0] - (x * SIDE - column)) ** 2
            + (raw[1] - (y * SIDE - row)) ** 2
            + (raw[2] - np.sqrt(box[2] - box[0])) ** 2
            + (raw[3] - np.sqrt(box[3] - box[1])) ** 2
        )
        parts["object"] += (sure - overlaps[best]) ** 2
        parts["no_object"] -= 0.5 * sure**2
        parts["class"] += ((classes[row, column] - np.eye(CLASSES)[label]) ** 2).sum()
    return parts


def away(a, b):
    """Squared distance of two boxes' centers and sizes."""
    center = (a[:2] + a[2:] - b[:2] - b[2:]) / 2
    size = a[2:] - a[:2] - b[2:] + b[:2]
    return (center**2).sum() + (size**2).sum()


def vector_of(seed, count):
    return np.random.default_rng(seed).normal(0.3, 0.4, (count, 4 * (CLASSES + 5 * BOXES)))


def test_loss_matches_the_definition(model):
    vectors = vector_of(1, 2)
    boxes, labels = np.zeros((2, 4, 4)), np.full((2, 4), -1)
    # The second lies in the first one's cell; the third overlaps no box of its own.
    boxes[0, :3] = [[0.05, 0.1, 0.4, 0.5], [0.1, 0.1, 0.3, 0.6], [0.97, 0.97, 0.98, 0.99]]
    labels[0, :3] = [2, 0, 1]
    boxes[1, 1] = [0.55, 0.2, 0.9, 0.4]
    labels[1, 1] = 0
    input_size = np.array([[60, 100], [60, 100]], "float32")
    targets = {"boxes": boxes * [100, 60, 100, 60], "labels": labels}
    outputs = {"cells": vectors.astype("float32"), "input_size": input_size}
    found = model.compute_losses(None, targets, outputs, training=False)
    expected = [by_hand(*each) for each in zip(vectors, boxes, labels, strict=True)]
    for part, value in found.items():
        mean = (expected[0][part] + expected[1][part]) / 2
        assert float(value) == pytest.approx(mean, rel=1e-4), part
        assert mean > 0
    third = corners(parts_of(vectors[0])[2][1, 1, 0], 1, 1)
    assert overlap(third, boxes[0, 2]) == 0


def test_a_worked_example(model):
    """One cell whose two boxes overlap the object by 1/4 and by 1: a worked example."""
    vector = np.zeros(4 * (CLASSES + 5 * BOXES))
    classes, confidence, raws = parts_of(vector)
    classes[0, 0] = [0.5, 0.25, 0]
    confidence[0, 0] = [0.5, 0.75]
    raws[0, 0] = [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, np.sqrt(0.5), np.sqrt(0.5)]]
    targets = {"boxes": np.array([[[0, 0, 64.0, 64]]]), "labels": np.array([[0]])}
    outputs = {"cells": vector[None].astype("float32"), "input_size": np.array([[128.0, 128]])}
    found = {k: float(v) for k, v in model.compute_losses(None, targets, outputs, False).items()}
    assert found["box"] == pytest.approx(0, abs=1e-10)
    assert found["object"] == pytest.approx((1 - 0.75) ** 2)
    assert found["no_object"] == pytest.approx(0.5 * 0.5**2)
    assert found["class"] == pytest.approx(0.5**2 + 0.25**2)


def test_predictions_on_crowds_have_no_objectness_loss(model):
    vector = vector_of(3, 1).astype("float32")
    outputs = {"cells": vector, "input_size": np.array([[100.0, 100]])}
    targets = {
        "boxes": np.array([[[-900.0, -900, 900, 900]]]),
        "labels": np.array([[1]]),
        "crowd": np.array([[True]]),
    }
    found = {k: float(v) for k, v in model.compute_losses(None, targets, outputs, False).items()}
    assert found == dict.fromkeys(found, 0.0)


def test_predictions_match_the_definition(model):
    vector = vector_of(2, 1)
    outputs = {"cells": vector.astype("float32"), "input_size": np.array([[60.0, 100]], "float32")}
    # The image covers a part of the input_size and is twice as large.
    predictions = model.decode(outputs, ImageTransform(100, 200, 50, 100))
    classes, confidence, raws = parts_of(vector[0])
    rows = []
    for row in range(SIDE):
        for column in range(SIDE):
            for number in range(BOXES):
                box = corners(raws[row, column, number], row, column) * [100, 60, 100, 60]
                inside = np.clip(box, 0, [100, 50, 100, 50])
                for k in range(CLASSES):
                    score = min(confidence[row, column, number] * classes[row, column, k], 1)
                    if score > 0.005 and (inside[2:] - inside[:2] > 0.01).all():
                        rows.append((score, k, box, inside * 2))
    selected = []
    for row in sorted(rows, key=lambda row: -row[0]):
        if all(row[1] != k or overlap(row[2], box) <= 0.5 for _, k, box, _ in selected):
            selected.append(row)
    count = int(predictions["num_detections"][0])
    assert count == len(selected) > 3
    np.testing.assert_allclose(
        predictions["scores"][0, :count], [k[0] for k in selected], atol=1e-5
    )
    assert list(np.asarray(predictions["labels"][0, :count])) == [k[1] for k in selected]
    np.testing.assert_allclose(predictions["boxes"][0, :count], [k[3] for k in selected], atol=1e-3)


def test_other_sizes_are_stretched(model):
    image = np.random.default_rng(0).integers(0, 256, (1, 90, 70, 3), dtype=np.uint8)
    outputs = model(image)
    assert outputs["cells"].shape == (1, 52)
    np.testing.assert_array_equal(outputs["input_size"], [[90, 70]])
    flat = np.full((1, 90, 70, 3), 77, np.uint8)
    np.testing.assert_allclose(
        model(flat)["cells"], model(np.full((1, 128, 128, 3), 77, np.uint8))["cells"], atol=1e-5
    )


def test_invalid_arguments():
    for arguments, message in [
        ({"input_side": 100}, "multiple of 64"),
        ({"repeats": (1, -1)}, "repeats"),
        ({"dropout": 1.0}, "dropout"),
        ({"boxes_per_cell": 0}, "boxes_per_cell"),
    ]:
        with pytest.raises(InputError, match=message):
            zoo.build("yolo_v1", **arguments)
