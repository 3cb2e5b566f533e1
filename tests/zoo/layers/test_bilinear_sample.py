import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.errors import InputError
from zoo.layers.bilinear_sample import bilinear_sample, box_points


def sampled(maps, points, outside):
    """Point by point in float64, the map continued cell by cell."""
    batch, height, width, channels = maps.shape
    prediction = np.zeros((batch, points.shape[1], channels))
    for b, p in np.ndindex(prediction.shape[:2]):
        x, y = points[b, p]
        for row in (int(np.floor(y)), int(np.floor(y)) + 1):
            for column in (int(np.floor(x)), int(np.floor(x)) + 1):
                inside = 0 <= row < height and 0 <= column < width
                if inside or outside == "edge":
                    cell = maps[b, np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
                    prediction[b, p] += (1 - abs(y - row)) * (1 - abs(x - column)) * cell
    return prediction


def maps_and_points():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 5, 7, 3))
    points = rng.uniform(-3, 9, (2, 40, 2))
    points[:, :4] = [[0, 0], [6, 4], [-1, 2], [7, 5]]
    return maps, points


@pytest.mark.parametrize("outside", ["zero", "edge"])
def test_sampling_follows_its_definition(outside):
    maps, points = maps_and_points()
    prediction = bilinear_sample(maps.astype("float32"), points.astype("float32"), outside)
    np.testing.assert_allclose(to_array(prediction), sampled(maps, points, outside), atol=1e-5)


def test_far_points_and_nan():
    maps = np.ones((1, 3, 3, 1), "float32")
    points = np.float32([[[1e30, 0], [-np.inf, 1], [np.nan, 1]]])
    np.testing.assert_array_equal(to_array(bilinear_sample(maps, points)).ravel(), [0, 0, 1])
    np.testing.assert_array_equal(
        to_array(bilinear_sample(maps, points, "edge")).ravel(), [1, 1, 1]
    )


@pytest.mark.parametrize("outside", ["zero", "edge"])
def test_gradients_to_points_and_maps(outside, gradient_error):
    maps, points = maps_and_points()
    # Away from whole cells, where the slope jumps.
    points = np.floor(points[:, 4:14]) + 0.1 + 0.8 * (points[:, 4:14] % 1)
    assert gradient_error(lambda p: bilinear_sample(maps, p, outside), points) < 1e-6
    near, part = points[:1] % 3 - 0.5, maps[:1, :3, :3]
    assert gradient_error(lambda m: bilinear_sample(m, near, outside), part) < 1e-6


def test_points_of_a_box():
    box = np.float32([[[10, 20, 40, 60]]])
    points = to_array(box_points(box, (2, 4)))[0, 0]
    np.testing.assert_allclose(points[:, 0, 1], [20, 60])
    np.testing.assert_allclose(points[0, :, 0], [10, 20, 30, 40])
    middle = to_array(box_points(box, (2, 3), ends=False))[0, 0]
    np.testing.assert_allclose(middle[:, 0, 1], [30, 50])
    np.testing.assert_allclose(middle[1, :, 0], [15, 25, 35])
    np.testing.assert_array_equal(to_array(box_points(box * np.nan, 3)), 0)


def test_a_gradient_reaches_the_box(gradient_error):
    """As DenseCap trains its boxes: through the points that the crop is read at."""
    maps = np.random.default_rng(0).normal(size=(1, 9, 9, 2))
    boxes = np.array([[[10.3, 12.1, 101.7, 90.9], [31.2, 8.8, 65.6, 140.3]]])

    def crop(boxes):
        return bilinear_sample(maps, box_points(boxes, 4) / 16 - 0.5)

    assert gradient_error(crop, boxes, 1e-5) < 1e-6


def test_half_precision_and_an_unknown_border():
    maps, points = maps_and_points()
    half = bilinear_sample(maps.astype("float16"), points.astype("float32"))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"
    np.testing.assert_allclose(to_array(half), sampled(maps, points, "zero"), atol=0.01)
    with pytest.raises(InputError, match="'mirror'"):
        bilinear_sample(maps, points, "mirror")
