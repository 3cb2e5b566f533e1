import keras
import numpy as np
from arrays import to_array

from zoo import boxes as geometry


def random_boxes(*shape):
    rng = np.random.default_rng(0)
    first, size = rng.uniform(-20, 80, (*shape, 2)), rng.uniform(0, 50, (*shape, 2))
    return np.concatenate([first, first + size], axis=-1).astype("float32")


def test_a_box_in_every_format():
    box = np.float32([[10, 20, 40, 60]])
    np.testing.assert_array_equal(to_array(geometry.xyxy_to_cxcywh(box)), [[25, 40, 30, 40]])
    assert to_array(geometry.areas(box)) == 1200


def test_formats_are_inverse():
    boxes = random_boxes(2, 3, 5)
    converted = geometry.xyxy_to_cxcywh(boxes)
    assert np.abs(to_array(converted) - boxes).max() > 1
    np.testing.assert_allclose(to_array(geometry.cxcywh_to_xyxy(converted)), boxes, atol=1e-5)


def test_an_inverted_box_has_no_area():
    assert to_array(geometry.areas(np.float32([10, 10, 5, 20]))) == 0
    assert to_array(geometry.areas(np.float32([10, 10, 5, 5]))) == 0


def test_clipping():
    boxes = np.float32([[-5, -5, 30, 12], [3, 4, 5, 6], [50, 60, 70, 80], [-9, 2, -4, 8]])
    expected = [[0, 0, 20, 10], [3, 4, 5, 6], [20, 10, 20, 10], [0, 2, 0, 8]]
    np.testing.assert_array_equal(to_array(geometry.clip(boxes, 10, 20)), expected)


def test_clipping_images_of_several_sizes():
    boxes = np.tile(np.float32([[-5, -5, 30, 30]]), (2, 3, 1))
    heights, widths = np.float32([[10], [25]]), np.float32([[20], [8]])
    clipped = to_array(geometry.clip(boxes, heights, widths))
    np.testing.assert_array_equal(clipped[0], [[0, 0, 20, 10]] * 3)
    np.testing.assert_array_equal(clipped[1], [[0, 0, 8, 25]] * 3)


def test_scaling():
    box = np.float32([[10, 20, 40, 60]])
    np.testing.assert_array_equal(to_array(geometry.scale(box, 0.5, 3)), [[30, 10, 120, 30]])


def test_half_precision_comes_back_in_full():
    box = np.float16([[1000.0, 1000.0, 1500.0, 1500.0]])
    area = geometry.areas(box)
    assert keras.backend.standardize_dtype(area.dtype) == "float32"
    assert to_array(area) == 250000
