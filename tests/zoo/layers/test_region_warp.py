"""Warped regions against the definition, pixel by pixel in float64."""

import numpy as np
import pytest
from keras import ops

from zoo.errors import InputError
from zoo.layers.region_warp import region_warp


def defined(image, box, size, context):
    """Bilinear values at the centers of the square's pixels; 0 outside of the image."""
    height, width, channels = image.shape
    x1, y1, x2, y2 = map(float, box)
    inner = size - 2 * context
    found = np.zeros((size, size, channels))
    for row in range(size):
        for column in range(size):
            x = x1 + (column + 0.5 - context) / inner * (x2 - x1) - 0.5
            y = y1 + (row + 0.5 - context) / inner * (y2 - y1) - 0.5
            for i in (int(np.floor(y)), int(np.floor(y)) + 1):
                for j in (int(np.floor(x)), int(np.floor(x)) + 1):
                    if 0 <= i < height and 0 <= j < width:
                        share = (1 - abs(y - i)) * (1 - abs(x - j))
                        found[row, column] += share * image[i, j]
    return found


@pytest.mark.parametrize(("size", "context"), [(12, 0), (13, 3), (7, 2)])
def test_agrees_with_the_definition(size, context):
    random = np.random.default_rng(0)
    images = random.normal(size=(2, 17, 23, 3)).astype("float32")
    corner = random.uniform(-2, 12, (2, 5, 2))
    boxes = np.concatenate([corner, corner + random.uniform(0.5, 12, (2, 5, 2))], -1)
    boxes[0, 0] = [0, 0, 23, 17]
    boxes[1, 0] = [4, 5, 4, 9]
    boxes = boxes.astype("float32")
    found = ops.convert_to_numpy(region_warp(images, boxes, size, context))
    for image in range(2):
        for number in range(5):
            expected = defined(images[image], boxes[image, number], size, context)
            np.testing.assert_allclose(found[image, number], expected, atol=1e-4)


def test_a_box_fills_the_middle_and_the_mean_lies_around_a_image():
    image = np.full((1, 8, 8, 1), 5.0, "float32")
    warped = ops.convert_to_numpy(region_warp(image, np.array([[[0.0, 0, 8, 8]]]), 12, 2))[0, 0]
    np.testing.assert_allclose(warped[2:10, 2:10], 5.0, atol=1e-5)
    assert (warped[[0, -1]] == 0).all() and (warped[:, [0, -1]] == 0).all()


def test_boxes_that_are_none_give_numbers():
    image = np.ones((1, 6, 6, 1), "float32")
    boxes = np.array([[[np.nan, 0, 3, 3], [0, 0, np.inf, 4], [3, 3, 1, 1], [0, 0, 0, 0]]])
    found = ops.convert_to_numpy(region_warp(image, boxes.astype("float32"), 5, 1))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("context", [-1, 5, 9])
def test_context_must_leave_something(context):
    with pytest.raises(InputError, match="context must be from 0 to 4"):
        region_warp(np.zeros((1, 4, 4, 1)), np.zeros((1, 1, 4)), 10, context)
