"""Masks pasted from their boxes lie where the definition says."""

import numpy as np
import pytest

from training.drawing import paste_mask
from training.drawing.instance_masks import lay_over


def pasted_by_definition(mask, box, height, width):
    """Each pixel on its own in float64: bilinear between the centers of the mask's cells."""
    x0, y0, x1, y1 = (float(v) for v in box)
    size = len(mask)
    found = np.zeros((height, width), bool)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            if not (x0 <= x < x1 and y0 <= y < y1):
                continue
            u = min(max((x - x0) / (x1 - x0) * size - 0.5, 0), size - 1)
            v = min(max((y - y0) / (y1 - y0) * size - 0.5, 0), size - 1)
            left, top = int(u), int(v)
            right, bottom = min(left + 1, size - 1), min(top + 1, size - 1)
            value = (
                mask[top, left] * (1 - u + left) * (1 - v + top)
                + mask[top, right] * (u - left) * (1 - v + top)
                + mask[bottom, left] * (1 - u + left) * (v - top)
                + mask[bottom, right] * (u - left) * (v - top)
            )
            found[row, column] = value >= 0.5
    return found


@pytest.mark.parametrize(
    "box",
    [(3, 2, 25, 17), (2.3, 4.7, 9.1, 16.2), (-8, -5, 14, 9.5), (20.2, 10, 90, 60), (0, 0, 30, 20)],
)
def test_pasting_is_what_the_definition_says(box):
    random = np.random.default_rng(5)
    mask = random.uniform(0, 1, (7, 7))
    found = paste_mask(mask, np.array(box, np.float32), 20, 30)
    expected = pasted_by_definition(mask, np.float32(box), 20, 30)
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(found, expected)
    whole = (mask > 0.6).astype(np.uint8)
    expected = pasted_by_definition(whole, np.float32(box), 20, 30)
    np.testing.assert_array_equal(paste_mask(whole, np.float32(box), 20, 30), expected)
    np.testing.assert_array_equal(paste_mask(whole * 255, np.float32(box), 20, 30), expected)
    shares = np.round(254 * mask).astype(np.uint8)
    expected = pasted_by_definition(shares / 254, np.float32(box), 20, 30)
    np.testing.assert_array_equal(paste_mask(shares, np.float32(box), 20, 30), expected)


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (9, 5, 5, 9),
        (40, 3, 50, 8),
        (-9, 1, -1, 8),
        (np.nan, 0, 5, 5),
        (5, 5, np.inf, 9),
    ],
)
def test_a_box_without_pixels_has_no_mask(box):
    assert not paste_mask(np.ones((4, 4)), np.array(box), 20, 30).any()


def test_a_full_mask_fills_exactly_its_box():
    pasted = paste_mask(np.ones((14, 14), np.uint8), np.array([4, 6, 21, 15]), 20, 30)
    expected = np.zeros((20, 30), bool)
    expected[6:15, 4:21] = True
    np.testing.assert_array_equal(pasted, expected)


def test_fill_is_mixed_and_contour_is_plain():
    pixels = np.full((12, 12, 3), 100, np.uint8)
    inside = np.ones((6, 6), bool)
    lay_over(pixels, (slice(3, 9), slice(3, 9)), inside, (200, 0, 50), rim=1)
    assert pixels[3, 3:9].tolist() == [[200, 0, 50]] * 6
    assert pixels[5, 5].tolist() == [140, 60, 80]
    assert (pixels[:3] == 100).all() and (pixels[9:] == 100).all()
