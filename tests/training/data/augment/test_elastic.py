"""U-Net's elastic deformation: interpolation, inversion, and labels that follow the pixels."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from training.data.augment import Augmentation, apply_matrix, augment, matrices
from training.data.augment.elastic import STEEPEST, ElasticField, cubic_weights, elastic_field


def keys(distance):
    """Keys' cubic convolution kernel with a = -1/2, as defined in float64."""
    d = abs(distance)
    if d < 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def test_cubic_weights_equal_the_definition():
    nodes = 4
    for position in np.linspace(-0.5, 3.5, 41):
        held = min(max(position, 0), nodes - 1)
        expected = np.zeros(nodes)
        for tap in range(-3, nodes + 3):
            expected[min(max(tap, 0), nodes - 1)] += keys(held - tap)
        found = cubic_weights(tf.constant(position, tf.float64), nodes)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert abs(expected.sum() - 1) < 1e-12


def test_field_passes_through_its_grid_and_agrees_with_itself():
    grid = np.random.default_rng(0).normal(size=(3, 3, 2))
    field = ElasticField(tf.constant(grid), (20, 30))
    y, x = np.meshgrid([0.0, 10, 20], [0.0, 15, 30], indexing="ij")
    np.testing.assert_allclose(field.at(tf.stack([x, y], axis=-1)), grid, atol=1e-12)
    dx, dy = field.displacements()
    y, x = np.mgrid[:20, :30] + 0.5
    at = field.at(tf.stack([x, y], axis=-1))
    np.testing.assert_allclose(tf.stack([dx, dy], axis=-1), at, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("size", "sigma"), [((256, 200), 10.0), ((32, 48), 10.0)])
def test_forward_inverts_the_field(seed, size, sigma):
    field = elastic_field((seed, 0), sigma, size)
    points = np.random.default_rng(seed).uniform(-5, max(size) + 5, (50, 2))
    shown = field.forward(tf.constant(points))
    np.testing.assert_allclose(shown + field.at(shown), points, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_field_never_folds(seed):
    field = elastic_field((seed, 1), 30.0, (40, 60))
    dx, dy = (np.asarray(d) for d in field.displacements())
    stretch = (1 + np.gradient(dx, axis=1)) * (1 + np.gradient(dy, axis=0))
    area = stretch - np.gradient(dx, axis=0) * np.gradient(dy, axis=1)
    assert area.min() > 0
    slopes = [np.gradient(d, axis=axis) for d in (dx, dy) for axis in (0, 1)]
    assert np.sqrt(np.square(slopes).sum(axis=0)).max() < STEEPEST * 1.1


def test_displacements_have_the_given_deviation():
    grids = [np.asarray(elastic_field((seed, 2), 10.0, (2000, 2000)).grid) for seed in range(60)]
    assert abs(np.std(grids) - 10) < 0.7 and abs(np.mean(grids)) < 0.7


@pytest.mark.parametrize("fill", [9.0, "reflect"])
def test_pixels_equal_scipy_and_numpy_in_float64(fill):
    random = np.random.default_rng(2)
    image = random.uniform(0, 255, (40, 50, 2)).astype(np.float32)
    labels = random.integers(0, 9, (40, 50)).astype(np.int32)
    size = (45, 38)
    field = elastic_field((3, 3), 3.0, size)
    matrix = matrices.compose(matrices.rotation(17, (25, 20)), matrices.scaling(1.1, 0.9))
    sample = {"image": image, "segmentation": labels, "instances": labels}
    moved = apply_matrix(sample, matrix, size, fill=fill, field=field)
    dx, dy = (d.numpy() for d in field.displacements())
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    source = np.linalg.inv(matrix) @ [(x + dx).ravel(), (y + dy).ravel(), np.ones(x.size)]
    x, y = source[0].reshape(size), source[1].reshape(size)
    within = (x >= 0) & (x < 50) & (y >= 0) & (y < 40)
    assert 0 < within.mean() < 1
    mode = "reflect" if fill == "reflect" else "nearest"
    for channel in (0, 1):
        expected = scipy.ndimage.map_coordinates(
            image[..., channel].astype(np.float64), [y - 0.5, x - 0.5], order=1, mode=mode
        )
        if fill != "reflect":
            expected = np.where(within, expected, fill)
        np.testing.assert_allclose(moved["image"][..., channel], expected, atol=1e-3)
    read = labels[np.clip(y, 0, 39).astype(int), np.clip(x, 0, 49).astype(int)]
    np.testing.assert_array_equal(moved["segmentation"], np.where(within, read, 255))
    np.testing.assert_array_equal(moved["instances"], np.where(within, read, 0))


def test_a_field_of_zeros_changes_nothing():
    image = np.random.default_rng(0).uniform(0, 255, (21, 17, 3)).astype(np.float32)
    matrix = matrices.rotation(25, (8, 10))
    field = ElasticField(tf.zeros((3, 3, 2), tf.float64), (20, 20))
    still = apply_matrix({"image": image}, matrix, (20, 20), field=field)["image"]
    without = apply_matrix({"image": image}, matrix, (20, 20))["image"]
    np.testing.assert_allclose(still, without, atol=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_labels_follow_the_painted_rectangle_and_its_dots(seed):
    random = np.random.default_rng(seed)
    image = np.zeros((96, 120, 3), np.float32)
    instances = np.zeros((96, 120), np.int32)
    x1, y1 = (int(v) for v in random.integers(20, 50, 2))
    x2, y2 = x1 + int(random.integers(15, 40)), y1 + int(random.integers(15, 25))
    instances[y1:y2, x1:x2] = 5
    image[..., 0] = 255 * (instances > 0)
    dot_x, dot_y = (int(v) for v in random.integers(30, 60, 2))
    image[dot_y - 1 : dot_y + 2, dot_x - 1 : dot_x + 2, 1] = 255
    sample = {
        "image": image,
        "instances": instances,
        "boxes": np.array([[x1, y1, x2, y2]], np.float32),
        "labels": np.array([0], np.int32),
        "keypoints": np.array([[dot_x + 0.5, dot_y + 0.5, 2]], np.float32),
    }
    augmentation = Augmentation(elastic=8.0, rotate=20, flip_horizontal=0.5, scale=(0.9, 1.1))
    moved = augment(sample, (seed, 7), augmentation, (240, 300), flip_pairs=())
    found = np.asarray(moved["instances"]) == 5
    rows, columns = np.nonzero(found.any(axis=1))[0], np.nonzero(found.any(axis=0))[0]
    hull = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(moved["boxes"][0], hull, atol=1.6)
    assert (found == (np.asarray(moved["image"][..., 0]) > 127)).mean() > 0.99
    weight = np.asarray(moved["image"][..., 1], np.float64)
    y, x = np.mgrid[:240, :300] + 0.5
    middle = (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
    np.testing.assert_allclose(moved["keypoints"][0, :2], middle, atol=0.5)


def test_box_follows_a_side_that_bulges_beyond_its_corners():
    instances = np.zeros((100, 100), np.int32)
    instances[20:80, 20:80] = 1
    grid = np.zeros((3, 3, 2))
    grid[1, :, 0] = 12.0
    sample = {"instances": instances, "boxes": np.array([[20, 20, 80, 80]], np.float32)}
    field = ElasticField(tf.constant(grid), (100, 100))
    moved = apply_matrix(sample, matrices.identity(), (100, 100), field=field)
    columns = np.nonzero(np.asarray(moved["instances"]).any(axis=0))[0]
    np.testing.assert_allclose(moved["boxes"][0, 0], 8, atol=1e-3)
    np.testing.assert_allclose(moved["boxes"][0, ::2], [columns[0], columns[-1] + 1], atol=0.6)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="sigma"):
        elastic_field((0, 0), -1.0, (8, 8))
    with pytest.raises(ValueError, match="nodes"):
        elastic_field((0, 0), 1.0, (8, 8), nodes=1)
