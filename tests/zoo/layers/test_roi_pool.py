import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.errors import InputError
from zoo.layers.roi_pool import roi_pool


def away_from_zero(x):
    return int(np.floor(x + 0.5))


def one_region(cells, box, size, stride):
    """One box by the code of Fast R-CNN, cell by cell, after cutting it to the map."""
    height, width = cells.shape[:2]
    limits = np.array([width, height, width, height])
    corners = np.clip(np.float64(box) / stride, 0, limits)
    x1, y1, x2, y2 = (away_from_zero(side) for side in corners)
    wide, high = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
    prediction = np.zeros((*size, cells.shape[2]))
    for i, j in np.ndindex(*size):
        top, bottom = y1 + i * high // size[0], y1 + -(-(i + 1) * high // size[0])
        left, right = x1 + j * wide // size[1], x1 + -(-(j + 1) * wide // size[1])
        part = cells[top : min(bottom, height), left : min(right, width)]
        if part.size:
            prediction[i, j] = part.max(axis=(0, 1))
    return prediction


BOXES = np.float32(
    [
        [10, 20, 90, 100],
        [0, 0, 415, 287],
        [0, 0, 416, 288],
        [-40, -30, 50, 20],
        [100, 80, 3000, 2000],
        [500, 500, 600, 600],
        [0, 0, 0, 0],
        [33, 44, 33, 44],
        [60, 60, 20, 10],
        [-1e17, -1e17, 1e17, 1e17],
        [24, 8, 40, 72],
        [412, 284, 415, 287],
    ]
)


@pytest.mark.parametrize("size", [(7, 7), (1, 1), (2, 5), (30, 3)])
def test_every_bin_holds_its_maximum(size):
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 18, 26, 3)).astype("float32")
    first, side = rng.uniform(0, 300, (2, 40, 2)), rng.uniform(0, 300, (2, 40, 2))
    random = np.float32(np.concatenate([first, np.minimum(first + side, [415, 287])], axis=-1))
    boxes = np.concatenate([np.stack([BOXES, BOXES[::-1]]), random], axis=1)
    expected = [[one_region(maps[i], box, size, 16) for box in boxes[i]] for i in range(2)]
    np.testing.assert_array_equal(to_array(roi_pool(maps, boxes, size, 16)), np.float32(expected))


def test_a_map_of_one_cell():
    maps = np.full((1, 1, 1, 2), -3.0, "float32")
    prediction = to_array(roi_pool(maps, np.float32([[[0, 0, 5, 5]]]), 2, 16))
    np.testing.assert_array_equal(prediction, np.full((1, 1, 2, 2, 2), -3))


def test_nan_counts_as_the_empty_box():
    maps = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    prediction = to_array(roi_pool(maps, np.float32([[[np.nan, 0, 9, 9], [0, 0, 0, 0]]]), 3, 16))
    np.testing.assert_array_equal(prediction[:, 0], prediction[:, 1])


def test_gradient(gradient_error):
    maps = np.random.default_rng(0).permutation(5 * 6 * 2).reshape(1, 5, 6, 2) / 10
    boxes = np.float64([[[0, 0, 95, 79], [17, 20, 70, 40], [90, 70, 95, 79]]])
    assert gradient_error(lambda m: roi_pool(m, boxes, 3, 16), maps) < 1e-8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_exact(dtype):
    maps = keras.ops.cast(np.random.default_rng(0).normal(size=(1, 18, 26, 2)), dtype)
    half = roi_pool(maps, BOXES[None], 7, 16)
    assert keras.backend.standardize_dtype(half.dtype) == dtype
    full = roi_pool(keras.ops.cast(maps, "float32"), BOXES[None], 7, 16)
    np.testing.assert_array_equal(to_array(keras.ops.cast(half, "float32")), to_array(full))


def test_litert(litert):
    maps = np.random.default_rng(0).normal(size=(1, 18, 26, 2)).astype("float32")
    boxes = BOXES[None]
    inputs = [keras.Input(maps.shape[1:], name="a"), keras.Input(boxes.shape[1:], name="b")]
    cut = keras.layers.Lambda(lambda x: roi_pool(x[0], x[1], 7, 16))
    prediction = litert(keras.Model(inputs, cut(inputs)), maps, boxes)[0]
    np.testing.assert_array_equal(prediction, to_array(roi_pool(maps, boxes, 7, 16)))


def test_what_it_cannot_take():
    maps = np.zeros((1, 4, 4, 1), "float32")
    with pytest.raises(InputError, match="stride must be above 0"):
        roi_pool(maps, BOXES[None], 7, 0)
    with pytest.raises(InputError, match="size must be"):
        roi_pool(maps, BOXES[None], (7, 0), 16)
    with pytest.raises(InputError, match="must be known, not None"):
        roi_pool(keras.KerasTensor((1, None, 4, 1)), BOXES[None], 7, 16)
