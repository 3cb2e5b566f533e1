"""Masks between boxes and images, against the definition in float64."""

import numpy as np
import pytest
from keras import ops

from zoo.layers.box_masks import crop_masks, paste_masks


def reference(mask, box, xs, ys):
    """Bilinear values of a box-frame mask at image coordinates, from the definition."""
    x1, y1, x2, y2 = box
    out = np.zeros((len(ys), len(xs)))
    high, wide = mask.shape
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            if not (x1 <= x < x2 and y1 <= y < y2):
                continue
            u = np.clip((x - x1) / (x2 - x1) * wide - 0.5, 0, wide - 1)
            v = np.clip((y - y1) / (y2 - y1) * high - 0.5, 0, high - 1)
            left, top = min(int(u), wide - 2), min(int(v), high - 2)
            a, b = u - left, v - top
            corner = mask[top : top + 2, left : left + 2]
            out[row, column] = (
                corner[0, 0] * (1 - a) * (1 - b)
                + corner[0, 1] * a * (1 - b)
                + corner[1, 0] * (1 - a) * b
                + corner[1, 1] * a * b
            )
    return out


@pytest.mark.parametrize("cells", [7, 28])
def test_paste_is_bilinear_at_pixel_centers(cells):
    random = np.random.default_rng(0)
    masks = random.uniform(size=(1, 3, cells, cells)).astype("float32")
    boxes = np.array([[[3.3, 2.1, 20.7, 15.2], [-4, -3, 9.5, 40], [5, 5, 5, 9]]], "float32")
    found = ops.convert_to_numpy(paste_masks(masks, boxes, 18, 25))
    assert found.shape == (1, 3, 18, 25)
    for number in range(3):
        expected = reference(
            masks[0, number].astype(float), boxes[0, number], np.arange(25) + 0.5,
            np.arange(18) + 0.5,
        )  # fmt: skip
        np.testing.assert_allclose(found[0, number], expected, atol=1e-4)


def test_crop_reads_the_mask_in_another_frame():
    random = np.random.default_rng(1)
    masks = random.uniform(size=(1, 2, 14, 14)).astype("float32")
    boxes = np.array([[[0, 0, 10, 20], [4, 4, 8, 8]]], "float32")
    windows = np.array([[[2, -5, 14, 11], [4, 4, 8, 8]]], "float32")
    found = ops.convert_to_numpy(crop_masks(masks, boxes, windows, 14))
    for number in range(2):
        x1, y1, x2, y2 = windows[0, number]
        steps = (np.arange(14) + 0.5) / 14
        expected = reference(
            masks[0, number].astype(float), boxes[0, number], x1 + steps * (x2 - x1),
            y1 + steps * (y2 - y1),
        )  # fmt: skip
        np.testing.assert_allclose(found[0, number], expected, atol=1e-4)
    np.testing.assert_allclose(found[0, 1], masks[0, 1], atol=1e-5)


def test_a_full_mask_covers_its_box_exactly():
    boxes = np.array([[[2, 3, 7, 5]]], "float32")
    found = ops.convert_to_numpy(paste_masks(np.ones((1, 1, 28, 28)), boxes, 8, 9))[0, 0]
    expected = np.zeros((8, 9))
    expected[3:5, 2:7] = 1
    np.testing.assert_array_equal(found, expected)
