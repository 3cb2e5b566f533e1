"""Drawings of predictions show their classes."""

import numpy as np
import pytest
from PIL import Image

from training.drawing import class_colors, overlay_classes, paint_classes, save_sheet, sheet


def test_colors_are_all_different():
    colors = class_colors(60)
    assert colors.shape == (60, 3) and len({tuple(color) for color in colors}) == 60
    apart = np.abs(np.diff(colors[1:].astype(int), axis=0)).sum(1)
    assert apart.min() > 60
    np.testing.assert_array_equal(class_colors(5), colors[:5])


def test_painting():
    classes = np.array([[0, 1, 2, 255]])
    painted = paint_classes(classes, 3)
    np.testing.assert_array_equal(painted[0, :3], class_colors(3))
    assert painted[0, 3].tolist() == [225, 225, 225]


@pytest.mark.parametrize("channels", [1, 3])
def test_background_and_ignored_pixels_stay_clear(channels):
    image = np.full((1, 3, channels), 100.4, np.float32)
    laid = overlay_classes(image, np.array([[0, 1, 255]]), 2)
    assert laid.dtype == np.uint8 and laid.shape == (1, 3, 3)
    assert laid[0, 0].tolist() == laid[0, 2].tolist() == [100, 100, 100]
    expected = (45 + 0.55 * class_colors(2)[1]).astype(np.uint8)
    np.testing.assert_array_equal(laid[0, 1], expected)


def test_sheet_shows_every_image_and_the_legend(tmp_path):
    red, blue = (np.tile(np.uint8([[color]]), (32, 64, 1)) for color in ([255, 0, 0], [0, 0, 255]))
    legend = [f"class number {number}" for number in range(8)]
    drawing = sheet([[red, blue], [blue]], ("left", "right"), legend, cell=64)
    pixels = np.asarray(drawing)
    assert drawing.size == (2 * 70 + 6, drawing.height)
    for y, x, color in [(40, 20, [255, 0, 0]), (40, 90, [0, 0, 255]), (78, 20, [0, 0, 255])]:
        assert pixels[y, x].tolist() == color
    # Each class of the legend is there in its own color, below the images.
    below = pixels[106:].reshape(-1, 3).tolist()
    assert all(color in below for color in class_colors(8).tolist())
    save_sheet(tmp_path / "deep" / "s.png", drawing)
    assert Image.open(tmp_path / "deep" / "s.png").size == drawing.size
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["s.png"]


def test_a_list_below_a_image_does_not_make_it_smaller():
    red, listed = (np.tile(np.uint8([[[255, 0, 0]]]), (high, 64, 1)) for high in (32, 90))
    pixels = np.asarray(sheet([[red, listed]], cell=None))
    assert pixels.shape[1] == 2 * 70 + 6
    for x, high in ((10, 32), (80, 90)):
        assert (pixels[6 : 6 + high, x] == [255, 0, 0]).all()
        assert (pixels[6 + high :, x] == 255).all()


def test_a_sheet_of_nothing():
    assert sheet([]).size[0] > 0
