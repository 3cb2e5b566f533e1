"""Networks read from Darknet's files against OpenCV's importer of the same files."""

import darknet_networks as networks
import keras
import numpy as np
import pytest

import zoo
from zoo.darknet import read_cfg, write_weights

cv2 = pytest.importorskip("cv2")
if not hasattr(cv2.dnn, "readNetFromDarknet"):
    pytest.skip("this OpenCV does not read Darknet's files", allow_module_level=True)


def stated(text, key):
    """The last value of an option in a file."""
    return float(text.split(f"\n{key}=")[-1].split()[0]) if f"\n{key}=" in text else None


@pytest.fixture
def pair(request, tmp_path):
    """A model, OpenCV's network of the same files, and images of the size that they state."""
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    cfg.write_text(request.param)
    write_weights(networks.shake(read_cfg(cfg)), weights)
    model = read_cfg(
        cfg,
        weights,
        score_threshold=stated(request.param, "thresh") or 0.5,
        nms_iou=0.4,
        max_detections=1000,
    )
    height, width = (int(stated(request.param, key)) for key in ("height", "width"))
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return model, cv2.dnn.readNetFromDarknet(str(cfg), str(weights)), image


def opencv(net, image):
    net.setInput(np.ascontiguousarray(image.transpose(2, 0, 1)[None] / 255, dtype="float32"))
    return net.forward(net.getUnconnectedOutLayersNames())


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = np.prod(np.maximum(sides, 0))
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def suppressed(boxes, scores, threshold, nms_iou):
    """(score, class, box) of each class by the definition, best first."""
    kept = []
    for row, label in sorted(zip(*np.nonzero(scores > threshold), strict=True),
                             key=lambda at: -scores[at]):  # fmt: skip
        if all(k != label or overlap(box, boxes[row]) <= nms_iou for _, k, box in kept):
            kept.append((scores[row, label], label, boxes[row]))
    return kept


@pytest.mark.parametrize(
    "pair", [networks.GRID, networks.SCALES], indirect=True, ids=["region", "yolo"]
)
def test_detections_equal_opencv(pair):
    model, net, image = pair
    height, width = image.shape[:2]
    rows = np.concatenate(opencv(net, image))
    center, size = rows[:, :2] * [width, height], rows[:, 2:4] * [width, height]
    expected = np.concatenate([center - size / 2, center + size / 2], axis=1)
    outputs = model(image[None], training=False)
    if "cells" in outputs:
        found = model.predictions(outputs)
        boxes = found["boxes"] * model.settings.stride
        scores = found["objectness"][..., None] * keras.ops.softmax(found["logits"], axis=-1)
    else:
        boxes, scores = model.predictions(outputs)
    boxes, scores = np.asarray(boxes[0]), np.asarray(scores[0])
    assert len(rows) == len(boxes)
    np.testing.assert_allclose(boxes, expected, atol=1e-3)
    # OpenCV drops scores under the file's threshold, and, of regions, what it suppresses.
    reported = rows[:, 5:] > 0
    assert reported.sum() > 20
    np.testing.assert_allclose(scores[reported], rows[:, 5:][reported], atol=1e-3)
    kept = suppressed(expected, rows[:, 5:], model.selection.score_threshold, 0.4)
    predictions = zoo.predict(model, image[None])
    count = int(predictions["num_detections"][0])
    assert count == len(kept) > 5
    left = set(range(count))
    for score, label, box in kept:
        box = np.clip(box, 0, [width, height, width, height])
        same = (
            (np.asarray(predictions["labels"][0]) == label)
            & (np.abs(predictions["scores"][0] - score) < 1e-3)
            & (np.abs(predictions["boxes"][0] - box).max(axis=-1) < 1e-3)
        )
        left.remove(next(number for number in np.flatnonzero(same) if number in left))
    assert not left


@pytest.mark.parametrize("pair", [networks.CLASSIFIER], indirect=True, ids=["softmax"])
def test_probabilities_equal_opencv(pair):
    model, net, image = pair
    (expected,) = opencv(net, image)
    found = zoo.predict(model, image[None])["scores"]
    np.testing.assert_allclose(found, expected.reshape(1, -1), atol=1e-5)
    assert np.ptp(expected) > 0.01
