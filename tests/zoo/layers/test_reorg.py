"""Reorg against Darknet's own loops, index by index."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.errors import InputError
from zoo.layers.reorg import Reorg


def darknet(x, s):
    """One (C, H, W) image by the indices of the authors' code."""
    channels, height, width = x.shape
    flat, out = x.ravel(), np.empty(x.size)
    deep = channels // s**2
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                c2, offset = k % deep, k // deep
                w2, h2 = i * s + offset % s, j * s + offset // s
                out[i + width * (j + height * k)] = flat[w2 + width * s * (h2 + height * s * c2)]
    return out.reshape(channels * s**2, height // s, width // s)


@pytest.mark.parametrize("shape", [(4, 4, 6), (64, 26, 26), (8, 2, 10)])
def test_equals_darknet_and_is_not_space_to_depth(shape):
    x = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    images = np.stack([x, x[::-1]]).transpose(0, 2, 3, 1)
    found = ops.convert_to_numpy(Reorg(2)(images)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(found[0], darknet(x, 2))
    np.testing.assert_array_equal(found[1], darknet(x[::-1], 2))
    plain = tf.nn.space_to_depth(images, 2).numpy().transpose(0, 3, 1, 2)
    assert not np.array_equal(found, plain)


def test_impossible_sizes_are_refused():
    with pytest.raises(InputError, match="sides must be multiples of 2"):
        Reorg(2).compute_output_shape((1, 5, 4, 8))
    with pytest.raises(InputError, match="channels of 4"):
        Reorg(2).compute_output_shape((1, 4, 4, 6))
