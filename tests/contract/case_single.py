"""The contract of tasks with one object per image: its class, box and keypoints."""

import numpy as np


def learnable(card, height=32, width=48):
    """A bright square on the left and one on the right: two classes, boxes and poses."""
    channels = (card.tiny.get("input_shape") or (None, None, 3))[-1]
    images = np.full((2, height, width, channels), 40, np.uint8)
    boxes = np.array([[4, 4, 20, 20], [26, 10, 44, 28]], np.float32)
    for image, (x0, y0, x1, y1) in zip(images, boxes.astype(int), strict=True):
        image[y0:y1, x0:x1] = 220
    images = images + np.random.default_rng(1).integers(0, 20, images.shape, dtype=np.uint8)
    truth = {"label": np.array([0, 1], np.int32), "box": boxes}
    if "keypoints" in card.targets:
        truth["keypoints"] = _corners(boxes, card.tiny["num_keypoints"])
    return images, {key: truth[key] for key in card.targets}


def _corners(boxes, keypoints):
    """Keypoints on the corners of the boxes, in reverse order in every other image."""
    corners = np.array([(0, 1), (2, 1), (0, 3), (2, 3)])[np.arange(keypoints) % 4]
    points = np.stack([box[corners[:: (-1) ** i]] for i, box in enumerate(boxes)])
    return np.concatenate([points, np.full((*points.shape[:2], 1), 2.0)], -1).astype(np.float32)


def targets(card, kind, height, width, batch):
    """`"empty"`: no object; `"degenerate"`: no area, hidden and absent keypoints."""
    random = np.random.default_rng(2)
    corners = np.sort(random.uniform(0, 1, (batch, 2, 2)), axis=1).reshape(batch, 4)
    size = np.array([width, height, width, height])
    truth = {
        "label": random.integers(0, card.tiny.get("num_classes", 1), batch).astype(np.int32),
        "box": (corners * size).astype(np.float32),
    }
    if "keypoints" in card.targets:
        keypoints = card.tiny["num_keypoints"]
        points = random.uniform(0, 1, (batch, keypoints, 2)) * size[:2]
        visibility = random.integers(1, 3, (batch, keypoints, 1))
        truth["keypoints"] = np.concatenate([points, visibility], axis=-1).astype(np.float32)
    if kind == "empty":
        truth = {key: np.zeros_like(value) for key, value in truth.items()}
        truth["label"] -= 1
    if kind == "degenerate":
        truth["box"][:, 2:] = truth["box"][:, :2]
        if "keypoints" in truth:
            truth["keypoints"][0] = 0
            truth["keypoints"][1, :-1, 2] = 0
    return {key: truth[key] for key in card.targets}


def check_raw(outputs, size, classes):
    for name, value in outputs.items():
        assert value.dtype == "float32", name
        assert value.shape[0] == 2
    # The classes of a pose model without classes are its keypoints.
    if "label" in outputs:
        assert outputs["label"].shape == (2, classes)
    else:
        assert outputs["keypoints"].shape == (2, classes, 2)
    if "box" in outputs:
        assert outputs["box"].shape in ((2, 4), (2, classes, 4))


def check_predictions(predictions, size, card):
    classes, height, width = card.tiny.get("num_classes"), *size
    if "label" in predictions:
        assert predictions["label"].shape == (2,) and predictions["label"].dtype == "int32"
        assert predictions["scores"].shape == (2, classes)
        np.testing.assert_allclose(predictions["scores"].sum(-1), 1, atol=1e-5)
        np.testing.assert_array_equal(predictions["scores"].argmax(-1), predictions["label"])
    if "box" in predictions:
        box = predictions["box"]
        assert box.shape == (2, 4)
        assert (box >= 0).all() and (box <= [width, height, width, height]).all()
        assert (box[:, 2:] >= box[:, :2]).all()
    if "keypoints" in predictions:
        assert predictions["keypoints"].shape == (2, card.tiny["num_keypoints"], 3)
        assert (predictions["keypoints"][..., 2] == 1).all()


def assert_same(found, expected):
    """Equal classes, boxes and keypoints up to a twentieth of a pixel, scores up to 1e-4."""
    assert set(found) == set(expected)
    for key, value in expected.items():
        tolerance = {"label": 0, "scores": 1e-4}.get(key, 0.05)
        np.testing.assert_allclose(found[key], value, atol=tolerance, rtol=0, err_msg=key)
