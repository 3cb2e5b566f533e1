"""The mask loss leaves out RoIs of objects without outline."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.instances.mask_branch import MaskBranch

CELLS = 4


def branch(policy="float32"):
    """A branch whose logits are the pooled maps, one channel per class."""
    region = keras.Input((CELLS, CELLS, 3), dtype="float32")
    layer = keras.layers.Conv2D(3, 1, dtype=policy, kernel_initializer="ones")
    head = keras.Model(region, layer(region))
    return MaskBranch(lambda maps, boxes: maps, head)


def rois(masks, positive=(True, True, True)):
    """RoIs of the objects 0, 1 and 1."""
    boxes = np.array([[[0, 0, 8, 8], [8, 8, 24, 24]]], "float32")
    matched = np.array([[0, 1, 1]])
    sample = {
        "boxes": boxes[:, matched[0]],
        "classes": np.array([[1, 2, 2]]),
        "matched": matched,
        "positive": np.array([positive]),
    }
    return sample, {"boxes": boxes, "masks": masks}


def masks(*values):
    found = np.zeros((1, len(values), CELLS, CELLS), "uint8")
    for row, value in enumerate(values):
        found[0, row, :, : CELLS if value == 255 else 2] = value
    return found


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_rois_without_outline_are_left_out(policy):
    maps = np.random.default_rng(0).normal(size=(3, CELLS, CELLS, 3)).astype("float32")
    mask = branch(policy)

    def loss(truth, positive=(True, True, True)):
        sample, targets = rois(truth, positive)
        return float(mask.loss(maps, sample, targets, training=True))

    assert loss(masks(1, 255)) == loss(masks(1, 1), (True, False, False)) > 0
    assert loss(masks(255, 1)) == loss(masks(1, 1), (False, True, True)) > 0
    assert loss(masks(1, 255)) != loss(masks(1, 1))
    assert loss(masks(255, 255)) == 0.0
    # An empty mask is learned, it is not an object without outline.
    assert loss(masks(0, 255)) > 0


def test_gradients_without_any_outline_are_zero():
    mask = branch()
    sample, targets = rois(masks(255, 255))
    with tf.GradientTape() as tape:
        loss = mask.loss(np.full((3, CELLS, CELLS, 3), 1e4, "float32"), sample, targets, True)
    assert all(not np.any(g) for g in tape.gradient(loss, mask.head.trainable_variables))
