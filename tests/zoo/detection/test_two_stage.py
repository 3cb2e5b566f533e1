"""Two-stage detectors: published parameter counts, RoI sampling, overfitting."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.detection.ground_truth import mark_valid
from zoo.detection.two_stage.roi_sampling import RoiSampling


def count(model, trainable=False):
    chosen = model.trainable_variables if trainable else model.weights
    return sum(int(np.prod(v.shape)) for v in chosen if "seed" not in v.path)


def test_published_counts():
    assert count(build_abstract(zoo.card("faster_rcnn").build_published)) == 137_078_239
    mask = build_abstract(zoo.card("mask_rcnn").build_published)
    assert count(mask, trainable=True) == 44_401_393
    assert count(mask) == 44_401_393 + 106_240


def test_crowds_difficult_and_empty_boxes_are_not_valid():
    boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4], [3, 3, 3, 9], [0, 0, 1, 1]]])
    targets = {
        "boxes": boxes.astype("float32"),
        "labels": np.array([[0, 1, 2, 0, -1]]),
        "crowd": np.array([[False, True, False, False, False]]),
        "difficult": np.array([[False, False, True, False, False]]),
    }
    truth = mark_valid(targets)
    assert ops.convert_to_numpy(truth["valid"]).tolist() == [[True, False, False, False, False]]
    assert ops.convert_to_numpy(truth["ignored"]).tolist() == [[False, True, True, False, False]]


def test_rois_are_sampled_by_the_rules():
    random = np.random.default_rng(0)
    truth = mark_valid(
        {
            "boxes": np.array([[[10, 10, 50, 50], [60, 60, 90, 90], [0, 60, 40, 100]]], "float32"),
            "labels": np.array([[4, 2, 1]]),
            "crowd": np.array([[False, False, True]]),
        }
    )
    near = np.concatenate([random.uniform(5, 15, (40, 2)), random.uniform(45, 55, (40, 2))], 1)
    far = np.concatenate([random.uniform(0, 5, (100, 2)), random.uniform(6, 20, (100, 2))], 1)
    crowd = np.tile([[5, 65, 35, 95]], (30, 1))
    proposals = np.concatenate([near, far, crowd])[None].astype("float32")
    valid = np.ones(proposals.shape[:2], bool)
    valid[0, :5] = False
    sample = RoiSampling(64)(proposals, valid, truth, seed=0)
    found = {key: ops.convert_to_numpy(value)[0] for key, value in sample.items()}
    assert found["sampled"].all()
    assert found["positive"][:16].all() and not found["positive"][16:].any()
    assert set(found["classes"][:16]) <= {5, 3} and (found["classes"][16:] == 0).all()
    assert (found["matched"][:16][found["classes"][:16] == 5] == 0).all()
    in_crowd = (found["boxes"] == [5, 65, 35, 95]).all(-1)
    assert not in_crowd.any()
    invalid = proposals[0, :5]
    assert not any((box == found["boxes"]).all(-1).any() for box in invalid)


@pytest.mark.parametrize("head", ["fpn", "c4"])
def test_mask_rcnn_overfits_two_images(head):
    keras.utils.set_random_seed(0)
    options = {"anchor_sizes": (8, 16, 24, 32, 48)} if head == "fpn" else {"anchor_sizes": (16, 32)}
    model = zoo.card("mask_rcnn").build_tiny(head=head, num_classes=2, norm="group", **options)
    random = np.random.default_rng(0)
    images = random.integers(20, 50, (2, 64, 64, 3)).astype("float32")
    boxes = np.zeros((2, 3, 4), "float32")
    labels = np.full((2, 3), -1)
    for number, (x1, y1, x2, y2) in enumerate(((8, 8, 40, 32), (24, 16, 56, 56))):
        # The left half of the box is the object.
        images[number, y1:y2, x1 : (x1 + x2) // 2] = 220 if number else [200, 60, 60]
        images[number, y1 : y1 + 2, x1:x2] = images[number, y2 - 2 : y2, x1:x2] = 220
        boxes[number, 0], labels[number, 0] = (x1, y1, x2, y2), number
    masks = np.zeros((2, 3, 28, 28), "uint8")
    masks[..., :14] = 1
    targets = {"boxes": boxes, "labels": labels, "masks": masks}
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    first = model.train_on_batch(images, targets)[0]
    for _ in range(200):
        last = model.train_on_batch(images, targets)[0]
    assert last < 0.4 * first
    predictions = {k: ops.convert_to_numpy(v) for k, v in zoo.predict(model, images).items()}
    assert predictions["masks"].shape == (2, 20, 64, 64)
    for number in range(2):
        assert predictions["labels"][number, 0] == number
        np.testing.assert_allclose(predictions["boxes"][number, 0], boxes[number, 0], atol=6)
        x1, y1, x2, y2 = boxes[number, 0].astype(int)
        truth = np.zeros((64, 64), bool)
        truth[y1:y2, x1 : (x1 + x2) // 2] = True
        found = predictions["masks"][number, 0].astype(bool)
        assert (found & truth).sum() / (found | truth).sum() > 0.6
