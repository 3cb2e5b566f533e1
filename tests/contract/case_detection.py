"""The contract of detection and instances: padded boxes in pixels, best first."""

import numpy as np

OBJECTS = 5


def learnable(card, height=64, width=64):
    """Two images with one bright rectangle each, and their targets."""
    images = np.random.default_rng(1).integers(30, 50, (2, height, width, _channels(card)))
    found = targets(card, "empty", height, width, 2)
    for number, box in enumerate(([8, 8, 40, 40], [24, 16, 56, 56])):
        x1, y1, x2, y2 = box
        images[number, y1:y2, x1:x2] += 170
        found["boxes"][number, 0] = box
        found["labels"][number, 0] = number
    near = np.random.default_rng(3).uniform(-4, 4, (2, 8, 4)) + found["boxes"][:, :1]
    return with_proposals(card, images.astype(np.uint8), near), _with_parts(card, found)


def with_proposals(card, images, boxes):
    """Inputs of the model: images, or images and proposals that include boxes (B, N, 4)."""
    if "proposals" not in card.inputs:
        return images
    random = np.random.default_rng(5)
    batch, height, width, _ = images.shape
    corner = random.uniform(0, 0.8, (batch, 30, 2)) * [width, height]
    sides = random.uniform(0.1, 0.6, (batch, 30, 2)) * [width, height]
    drawn = np.concatenate([corner, corner + sides], -1)
    # Some reach beyond the image, one has no area.
    drawn[:, 3, 2:] = drawn[:, 3, :2]
    proposals = np.concatenate([drawn, boxes], 1).astype(np.float32)
    return {"image": images, "proposals": proposals}


def targets(card, kind, height, width, batch):
    """`"empty"`: no object; `"degenerate"`: boxes without area, and only a crowd."""
    random = np.random.default_rng(2)
    boxes = np.zeros((batch, OBJECTS, 4), np.float32)
    labels = np.full((batch, OBJECTS), -1, np.int32)
    crowd = np.zeros((batch, OBJECTS), bool)
    if kind == "normal":
        corner = random.uniform(0, 0.5, (batch, 3, 2))
        boxes[:, :3] = np.concatenate([corner, corner + random.uniform(0.2, 0.5, (batch, 3, 2))], 2)
        boxes *= [width, height, width, height]
        labels[:, :3] = random.integers(0, card.tiny["num_classes"], (batch, 3))
    if kind == "degenerate":
        boxes[0, 0] = [5, 5, 5, 9]
        labels[0, 0] = 0
        boxes[1, 0] = [0, 0, width, height]
        labels[1, 0] = 0
        crowd[1, 0] = True
    found = {"boxes": boxes, "labels": labels, "crowd": crowd, "difficult": np.zeros_like(crowd)}
    return _with_parts(card, found)


def _with_parts(card, found):
    """Adds masks and keypoints where they are targets of the model."""
    batch, objects = found["labels"].shape
    random = np.random.default_rng(4)
    if "masks" in card.targets:
        found["masks"] = np.ones((batch, objects, 28, 28), np.uint8)
        found["masks"][..., :7] = 0
    if "keypoints" in card.targets:
        keypoints = card.tiny["num_keypoints"]
        corner, far = found["boxes"][:, :, None, :2], found["boxes"][:, :, None, 2:]
        points = corner + random.uniform(0, 1, (batch, objects, keypoints, 2)) * (far - corner)
        visible = (found["labels"] >= 0)[..., None, None] * np.full((1, 1, keypoints, 1), 2)
        found["keypoints"] = np.concatenate([points, visible], -1).astype(np.float32)
    return found


def check_raw(outputs, size, classes):
    for key, value in outputs.items():
        assert value.shape[0] == 2, key


def check_predictions(predictions, size, card):
    boxes, labels, scores = (np.asarray(predictions[key]) for key in ("boxes", "labels", "scores"))
    count = np.asarray(predictions["num_detections"])
    assert boxes.shape == (2, labels.shape[1], 4) and scores.shape == labels.shape
    assert boxes.dtype == "float32" and labels.dtype == "int32" and count.shape == (2,)
    valid = np.arange(labels.shape[1]) < count[:, None]
    assert ((labels >= 0) == valid).all() and (labels < card.tiny["num_classes"]).all()
    assert (scores[~valid] == 0).all() and (boxes[~valid] == 0).all()
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    height, width = size
    assert (boxes >= 0).all() and (boxes <= [width, height, width, height]).all()
    if "masks" in predictions:
        masks = np.asarray(predictions["masks"])
        assert masks.shape[:2] == labels.shape and masks.dtype == "uint8"
        assert masks.max() <= 1 and not masks[~valid].any()
    if "keypoints" in predictions:
        keypoints = np.asarray(predictions["keypoints"])
        assert keypoints.shape == (*labels.shape, card.tiny["num_keypoints"], 3)
        assert (keypoints >= 0).all() and (keypoints <= [width, height, 1]).all()
        assert not keypoints[~valid].any()


def assert_same(found, expected):
    """Equal predictions, except for a few boxes whose scores or IoU are equal up to rounding."""
    assert set(found) == set(expected)
    for key in expected:
        assert found[key].shape == expected[key].shape, key
    total = missed = 0
    for image in range(len(expected["boxes"])):
        for number in range(int(expected["num_detections"][image])):
            total += 1
            near = (
                _same_parts(found, expected, image, number)
                & (np.abs(found["scores"][image] - expected["scores"][image, number]) < 2e-3)
                & (found["labels"][image] == expected["labels"][image, number])
                & (np.abs(found["boxes"][image] - expected["boxes"][image, number]).max(-1) < 0.1)
            )
            missed += not near.any()
    assert missed <= 0.03 * total + 1, f"{missed} of {total} boxes differ"
    assert total, "no box in either"


def _same_parts(found, expected, image, number):
    """Whether each box has the mask and keypoints of an expected one."""
    same = np.ones(found["labels"].shape[1], bool)
    if "masks" in expected:
        differ = found["masks"][image] != expected["masks"][image, number]
        same &= differ.mean((-2, -1)) < 0.02
    if "keypoints" in expected:
        gap = np.abs(found["keypoints"][image] - expected["keypoints"][image, number])
        same &= gap.max((-2, -1)) < 0.1
    return same


def _channels(card):
    return (card.tiny.get("input_shape") or (None, None, 3))[-1]
