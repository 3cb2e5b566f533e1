"""The keypoint branch, worked by hand."""

import math

import keras
import numpy as np

from zoo.inference.image_transform import transform_images
from zoo.instances.keypoint_branch import KeypointBranch

SIDE = 4
BOX = [8.0, 16.0, 24.0, 48.0]


def branch(keypoints):
    """A branch whose maps are the logits, (SIDE, SIDE, keypoints) per box."""
    logits = keras.Input((SIDE, SIDE, keypoints))
    return KeypointBranch(lambda maps, boxes: maps, keras.Model(logits, logits))


def test_a_keypoint_is_the_middle_of_its_hottest_cell():
    logits = np.zeros((2, SIDE, SIDE, 2), np.float32)
    # Against 15 cells of e⁰, e^ln 15 is half of all.
    logits[:, 1, 3, 0] = math.log(15)
    _, transform = transform_images(np.zeros((1, 32, 64, 3), np.uint8), (64, 128))
    found = {
        "boxes": np.array([[BOX, [0, 0, 0, 0]]], np.float32),
        "labels": np.array([[0, -1]]),
    }
    points = np.asarray(branch(2).postprocess(logits, found, transform)["keypoints"])
    # The box is 16 × 32 pixels of a model input twice the image's size; of equal cells the first.
    first = [(8 + 3.5 / 4 * 16) / 2, (16 + 1.5 / 4 * 32) / 2, 0.5]
    second = [(8 + 0.5 / 4 * 16) / 2, (16 + 0.5 / 4 * 32) / 2, 1 / 16]
    np.testing.assert_allclose(points[0, 0], [first, second], atol=1e-5)
    assert not points[0, 1].any()


def test_labeled_keypoints_in_positive_regions_are_learned():
    keypoints = [
        [22, 28, 2],  # column 3 of 4, row 1
        [24, 48, 1],  # the far corner belongs to the last cell
        [25, 30, 2],  # outside of the region
        [10, 20, 0],  # not labeled
    ]
    logits = np.zeros((2, SIDE, SIDE, 4), np.float32)
    logits[0, 1, 3, 0] = math.log(15)
    logits[0, 3, 3, 1] = math.log(45)
    sample = {
        "boxes": np.array([[BOX, BOX]], np.float32),
        "matched": np.array([[1, 1]]),
        "positive": np.array([[True, False]]),
    }
    truth = {"keypoints": np.array([[np.zeros((4, 3)), keypoints]], np.float32)}
    loss = branch(4).loss(logits, sample, truth, training=True)
    # −ln(15/30) and −ln(45/60); the second region is no positive one.
    np.testing.assert_allclose(loss, (math.log(2) + math.log(4 / 3)) / 2, rtol=1e-5)
