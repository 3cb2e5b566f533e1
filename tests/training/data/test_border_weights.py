"""U-Net's border weights against the formula written out pixel by pixel."""

import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.data.border_weights import border_weights, border_weights_tensor


def definition(instances, w0, sigma, class_weights):
    """The paper's formula in float64: every pixel against every pixel of every cell."""
    cells = [np.argwhere(instances == number) for number in np.unique(instances) if number]
    weights = np.empty(instances.shape)
    for place in np.ndindex(instances.shape):
        foreground = instances[place] != 0
        weights[place] = class_weights[int(foreground)]
        if foreground or len(cells) < 2:
            continue
        distances = sorted(np.sqrt(((cell - place) ** 2).sum(axis=1).min()) for cell in cells)
        weights[place] += w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def random_cells(seed, height, width, count):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    instances = np.zeros((height, width), np.int32)
    for number in random.choice(10_000, count, replace=False) + 1:
        row, column, radius = (
            random.uniform(0, height),
            random.uniform(0, width),
            4 * random.random(),
        )
        instances[(y - row) ** 2 + (x - column) ** 2 <= (1 + radius) ** 2] = number
    return instances


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("w0", "sigma", "classes"), [(10, 5, None), (3, 1.5, (0.5, 2.0))])
def test_equals_the_definition(seed, w0, sigma, classes):
    instances = random_cells(seed, 33, 46, 9)
    found = border_weights(instances, w0, sigma, classes)
    assert found.dtype == np.float32
    expected = definition(instances, w0, sigma, classes or (1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found.max() > 1 + w0 / 4


def test_by_hand_between_two_cells():
    instances = np.array([[4, 0, 0, 9]])
    term = 10 * np.exp(-(3.0**2) / 50)
    np.testing.assert_allclose(border_weights(instances)[0], [1, 1 + term, 1 + term, 1], rtol=1e-6)


def test_far_cells_use_only_their_neighborhood():
    instances = np.zeros((20, 300), np.int32)
    instances[5:8, 5:8], instances[5:8, 30:33], instances[5:8, 280:283] = 1, 2, 3
    expected = definition(instances, 10, 5, (1, 1))
    np.testing.assert_allclose(border_weights(instances), expected, atol=1e-6)


@pytest.mark.parametrize("cells", [0, 1])
def test_fewer_than_two_cells_give_only_class_weights(cells):
    instances = np.zeros((6, 7), np.uint16)
    instances[2:4, 2:5] = cells
    np.testing.assert_array_equal(border_weights(instances), np.ones((6, 7)))
    expected = np.where(instances > 0, 3.0, 0.25)
    np.testing.assert_array_equal(border_weights(instances, class_weights=(0.25, 3)), expected)


def test_works_inside_a_pipeline():
    maps = np.stack([random_cells(seed, 20, 25, 4) for seed in range(3)])
    data = tf.data.Dataset.from_tensor_slices(maps).map(border_weights_tensor, num_parallel_calls=2)
    assert data.element_spec == tf.TensorSpec((20, 25), tf.float32)
    for instances, weights in zip(maps, data, strict=True):
        np.testing.assert_array_equal(weights, border_weights(instances))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"instances": np.zeros((3, 3))}, "integer array"),
        ({"instances": np.zeros((3, 3, 1), int)}, "integer array"),
        ({"instances": np.zeros((3, 3), int), "sigma": 0}, "sigma must be above 0"),
        ({"instances": np.zeros((3, 3), int), "class_weights": (1, -1)}, "class_weights"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        border_weights(**arguments)


def test_crowded_real_image_is_quick_and_weighs_the_gaps(shared_data):
    pack = shared_data / "nuclei_dsb2018"
    if not pack.is_dir():
        pytest.skip("the nuclei pack is not here")
    rows = [line.split(",") for line in (pack / "index.csv").read_text().splitlines()]
    count = rows[0].index("instances")
    name = max(rows[1:], key=lambda row: int(row[count]))[0]
    instances = np.array(Image.open(pack / "instances" / f"{name}.png")).astype(np.int32)
    start = time.perf_counter()
    weights = border_weights(instances)
    assert time.perf_counter() - start < 10
    assert weights[instances > 0].max() == 1 and weights.min() == 1
    assert 5 < weights[instances == 0].max() <= 11
