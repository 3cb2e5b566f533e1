"""Sliding windows: the dense pass equals single windows; boxes of the windows."""

import keras
import numpy as np
import pytest
from arrays import to_arrays
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.detection.sliding_window_model import RATIOS, SCALES, sliding_window
from zoo.errors import InputError
from zoo.layers.image_pyramid import ImagePyramid


def test_number_of_windows_is_as_published():
    one = {"scales": (1.0,), "aspect_ratios": (1.0,), "input_shape": (375, 500, 3)}
    model = build_abstract(lambda: sliding_window(num_classes=20, **one))
    assert model.output["level0"].shape == (None, 39, 55, 21)
    assert 39 * 55 == 2145


def test_the_dense_pass_equals_single_windows():
    keras.utils.set_random_seed(0)
    model = zoo.card("sliding_window").build_tiny(scales=(1.0,), aspect_ratios=(1.0,))
    images = np.random.default_rng(0).integers(0, 256, (2, 53, 70, 3)).astype("float32")
    dense = ops.convert_to_numpy(model(images)["level0"])
    assert dense.shape == (2, 1 + (53 - 24) // 8, 1 + (70 - 24) // 8, 4)
    for row in range(dense.shape[1]):
        for column in range(dense.shape[2]):
            y, x = 8 * row, 8 * column
            alone = ops.convert_to_numpy(model(images[:, y : y + 24, x : x + 24])["level0"])
            np.testing.assert_allclose(alone[:, 0, 0], dense[:, row, column], atol=1e-5)


def test_boxes_of_windows_by_hand():
    model = zoo.card("sliding_window").build_tiny(scales=(0.5,), aspect_ratios=(1.0, 4.0))
    maps = [np.zeros((1, 2, 3, 4), "float32"), np.zeros((1, 1, 2, 4), "float32")]
    boxes = ops.convert_to_numpy(model.windows.boxes(maps))
    # Half the size: 16 pixels apart, 48 wide.
    assert boxes[:6, :2].tolist() == [[0, 0], [16, 0], [32, 0], [0, 16], [16, 16], [32, 16]]
    assert (boxes[:6, 2:] - boxes[:6, :2] == 48).all()
    # Four times as high as wide: halved again down, not at all across.
    np.testing.assert_allclose(boxes[6:], [[0, 0, 24, 96], [8, 0, 32, 96]])


def test_levels_keep_places():
    image = np.zeros((1, 41, 60, 1), "float32")
    image[0, 16:24, 32:40] = 1
    levels = ImagePyramid([(1, 1), (0.5, 0.5), (0.25, 0.5), (2, 1.5)])(image)
    shapes = [(41, 60), (20, 30), (10, 30), (82, 90)]
    for level, shape, pair in zip(
        levels, shapes, [(1, 1), (0.5, 0.5), (0.25, 0.5), (2, 1.5)], strict=True
    ):
        found = ops.convert_to_numpy(level)[0, ..., 0]
        assert found.shape == shape
        y, x = np.indices(shape) + 0.5
        center = [(found * y).sum() / found.sum(), (found * x).sum() / found.sum()]
        np.testing.assert_allclose(center, [20 * pair[0], 36 * pair[1]], atol=1e-3)
        np.testing.assert_allclose(found.sum(), 64 * pair[0] * pair[1], rtol=1e-3)


def test_levels_are_flat_where_the_image_is_and_padded_to_a_window():
    level = ImagePyramid([(0.3, 0.7)], min_size=16)(np.full((1, 20, 30, 2), 7.0, "float32"))[0]
    found = ops.convert_to_numpy(level)
    assert found.shape == (1, 16, 21, 2)
    np.testing.assert_allclose(found[:, :6], 7.0, rtol=1e-5)
    assert (found[:, 6:] == 0).all()
    for factors in ([], [(0, 1)], [(1, 100)]):
        with pytest.raises(InputError, match="factors must be"):
            ImagePyramid(factors)


def test_windows_of_any_common_shape_are_matched():
    """The best window of the default pyramid overlaps objects enough for training."""
    model = build_abstract(lambda: sliding_window(num_classes=1, input_shape=(256, 256, 3)))
    assert len(model.output) == len(SCALES) * len(RATIOS)
    maps = [
        np.zeros((1, *model.output[f"level{n}"].shape[1:]), "float32")
        for n in range(len(model.output))
    ]
    boxes = ops.convert_to_numpy(model.windows.boxes(maps)).astype(float)
    random = np.random.default_rng(0)
    best = []
    for _ in range(200):
        side, ratio = random.uniform(50, 180), np.exp(random.uniform(-0.6, 0.6))
        sides = side * np.array([ratio**-0.5, ratio**0.5])
        corner = random.uniform(0, np.maximum(256 - sides, 1))
        box = np.concatenate([corner, corner + sides])
        low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
        shared = np.maximum(high - low, 0).prod(-1)
        union = (boxes[:, 2:] - boxes[:, :2]).prod(-1) + sides.prod() - shared
        best.append((shared / union).max())
    assert np.mean(np.array(best) > 0.5) > 0.95


def test_hard_negatives_have_the_highest_scores():
    model = zoo.card("sliding_window").build_tiny(num_classes=1, scales=(1.0,), windows_per_image=4)
    rows = [model.output[f"level{n}"].shape[-1] for n in range(3)]
    assert rows == [2, 2, 2]
    images = np.zeros((1, 64, 64, 3), "float32")
    outputs = {key: np.array(value) for key, value in to_arrays(model(images)).items()}
    for value in outputs.values():
        value[...] = [5.0, 0.0]
    outputs["level1"][0, 2, 3] = [0.0, 5.0]
    targets = {"boxes": np.zeros((1, 2, 4), "float32"), "labels": np.full((1, 2), -1)}
    loss = float(model.compute_losses(images, targets, outputs, training=False)["class"])
    wrong, right = np.log1p(np.exp(5.0)), np.log1p(np.exp(-5.0))
    np.testing.assert_allclose(loss, (wrong + 3 * right) / 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window_size": 60}, "window_size must be 24, 32, 40"),
        ({"window_size": 16}, "window_size must be 24, 32, 40"),
        ({"conv_filters": (8, 8)}, "conv_filters must be three"),
        ({"scales": (1.0, 0.0)}, "above 0"),
        ({"aspect_ratios": ()}, "above 0"),
        ({"scales": (1000.0,)}, "factors must be"),
    ],
)
def test_invalid_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        zoo.card("sliding_window").build_tiny(**arguments)
