"""Tiles, scales and flips against whole images and against their definitions."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.inference.image_transform import scaled_size, transform_images
from zoo.inference.inference_options import InferenceOptions
from zoo.inference.prediction import _outputs, _with_margin
from zoo.inference.tiling import in_overlapping_tiles


def make_images(height, width, batch=2, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (batch, height, width, 3)).astype("float32")


def shifted(model):
    """Moves every weight off its initial value."""
    random = np.random.default_rng(3)
    for variable in model.weights:
        if "seed" not in variable.path:
            noise = random.normal(0, 0.1, variable.shape)
            value = ops.convert_to_numpy(variable.value)
            variable.assign(value + (np.abs(noise) if "variance" in variable.path else noise))
    return model


def scores(model, inputs, options, portable=False):
    return ops.convert_to_numpy(_outputs(model, inputs, options, portable)["segmentation"])


def in_graph(model, inputs, options):
    """The same in a TensorFlow graph where no size is known."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("graphs of unknown sizes are TensorFlow's")
    function = tf.function(
        lambda x: _outputs(model, x, options, False)["segmentation"],
        input_signature=[tf.TensorSpec((None, None, None, 3))],
    )
    return function(inputs).numpy()


@pytest.fixture(scope="module")
def wide():
    """A network at full resolution with a receptive field of three pixels to each side."""
    return shifted(zoo.build("full_resolution", num_classes=3, convolutions=3, filters=8))


@pytest.fixture(scope="module")
def valid():
    """A U-Net of valid convolutions."""
    return shifted(
        zoo.build("unet", num_classes=3, padding="valid", norm="none", filters=4, depth=3)
    )


def gap(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("tile", [(24, 24), (30, 64), (200, 25), (75, 101)])
def test_tiles_give_the_scores_of_the_whole_where_the_overlap_is_wide_enough(wide, tile):
    inputs = make_images(75, 101)
    expected = ops.convert_to_numpy(wide(inputs)["segmentation"])
    options = InferenceOptions(
        tile, overlap=12
    )  # a quarter is as wide as the receptive field reaches
    assert gap(scores(wide, inputs, options), expected) < 1e-5
    assert gap(in_graph(wide, inputs, options), expected) < 1e-5


def test_an_overlap_narrower_than_the_receptive_field_shows(wide):
    inputs = make_images(75, 101)
    expected = ops.convert_to_numpy(wide(inputs)["segmentation"])
    assert gap(scores(wide, inputs, InferenceOptions((24, 24), overlap=4)), expected) > 1e-3


def test_tiles_on_the_grid_of_a_network_with_pooling():
    model = shifted(zoo.build("unet", num_classes=3, filters=4, depth=2))
    inputs = make_images(120, 160, batch=1)
    expected = ops.convert_to_numpy(model(inputs)["segmentation"])
    assert gap(scores(model, inputs, InferenceOptions((80, 80), overlap=40)), expected) < 1e-5


def weights_of(size, tile, overlap):
    """Starts of the tiles of one axis and, by definition, the weight of each at every pixel."""
    starts = [0]
    while starts[-1] + tile < size:
        starts.append(min(starts[-1] + tile - overlap, size - tile))
    centers = np.arange(size) + 0.5
    table = np.ones((len(starts), size))
    for number, (before, after) in enumerate(itertools.pairwise(starts)):
        border = (after + before + tile) / 2
        rise = np.clip((centers - border) / max(overlap / 2, 1e-9) + 0.5, 0, 1)
        table[number] *= 1 - rise
        table[number + 1] *= rise
    return starts, table


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(
    ("size", "tile", "overlap"),
    [((50, 61), (16, 20), 8), ((33, 40), (16, 16), 5), ((17, 90), (16, 31), 0)],
)
def test_blending_is_as_defined(size, tile, overlap, portable):
    """`run` returns the row within the tile, which differs from tile to tile, and the pixels."""
    inputs = make_images(*size, batch=1)[..., :1]
    sizes = []

    def run(piece):
        sizes.append(tuple(piece.shape[1:3]))
        ramp = ops.reshape(ops.arange(piece.shape[1], dtype="float32"), (1, -1, 1, 1))
        return ops.concatenate([piece * 0 + ramp, piece], axis=-1)

    found = in_overlapping_tiles(run, ops.convert_to_tensor(inputs), tile, overlap, 2, portable)
    assert set(sizes) == {tile}
    rows, row_weights = weights_of(size[0], tile[0], overlap)
    columns, column_weights = weights_of(size[1], tile[1], overlap)
    expected = np.zeros((*size, 2))
    for top, high in zip(rows, row_weights, strict=True):
        for left, wide in zip(columns, column_weights, strict=True):
            weight = np.outer(high, wide)
            expected[..., 0] += weight * (np.arange(size[0]) - top)[:, None]
            expected[..., 1] += weight * inputs[0, ..., 0]
            # A tile has weight only on its pixels, with a quarter of the overlap to spare.
            valid = np.argwhere(weight > 0)
            if left > 0:
                assert valid[:, 1].min() >= left + overlap / 4 - 1
            if left < columns[-1]:
                assert valid[:, 1].max() < left + tile[1] - overlap / 4 + 1
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0], expected, atol=1e-4)


@pytest.mark.parametrize("tile", [(16, 20), (33, 33), (1, 300)])
@pytest.mark.parametrize("size", [(75, 101), (9, 40)])
def test_valid_convolutions_abut_exactly(valid, tile, size):
    inputs = make_images(*size)
    whole = valid(_with_margin(inputs, valid.sizes))["segmentation"]
    expected = ops.convert_to_numpy(whole)[:, : size[0], : size[1]]
    for way in (scores, in_graph):
        found = way(valid, inputs, InferenceOptions(tile))
        assert found.shape == (2, *size, 3)
        assert gap(found, expected) < 1e-5


def test_portable_tiles_are_the_same(wide, valid):
    inputs = ops.convert_to_tensor(make_images(75, 101, batch=1))
    for model, options in (
        (wide, InferenceOptions((24, 40), 8)),
        (valid, InferenceOptions((33, 20))),
    ):
        plain = scores(model, inputs, options)
        np.testing.assert_array_equal(scores(model, inputs, options, portable=True), plain)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_a_flip_averages_probabilities(wide):
    image = make_images(30, 41, batch=1)
    logits = [ops.convert_to_numpy(wide(x)["segmentation"]) for x in (image, image[:, :, ::-1])]
    mean = (softmax(logits[0]) + softmax(logits[1])[:, :, ::-1]) / 2
    found = zoo.predict(wide, image, options=InferenceOptions(flip=True))["segmentation"]
    np.testing.assert_array_equal(ops.convert_to_numpy(found), mean.argmax(-1))
    assert (mean.argmax(-1) != logits[0].argmax(-1)).any()


@pytest.mark.parametrize(
    ("size", "resize"), [((32, 48), "letterbox"), ((32, 48), "stretch"), (None, "")]
)
def test_scales_average_the_predictions_of_each_scale(wide, size, resize):
    """Each pass is the model at that input size, its map restored to the image's pixels."""
    image = make_images(40, 31, batch=1)
    resize = resize or "native"
    total = 0
    for scale in (0.5, 1.5):
        sides = size or (40, 31)
        scaled = tuple(max(1, round(side * scale)) for side in sides)
        placed, transform = transform_images(image, scaled, "stretch" if size is None else resize)
        maps = ops.softmax(wide(placed)["segmentation"], axis=-1)
        total = total + ops.convert_to_numpy(transform.restore_map(maps))
    options = InferenceOptions(scales=(0.5, 1.5))
    found = zoo.predict(wide, image, image_size=size, resize=resize, options=options)
    different = ops.convert_to_numpy(found["segmentation"]) != total.argmax(-1)
    assert different.mean() < 0.002


def test_all_options_together_on_any_network(wide, valid):
    image = make_images(50, 70, batch=1).astype("uint8")
    options = InferenceOptions((24, 24), 8, (0.75, 1, 1.25), True)
    for model in (wide, valid):
        for size in (None, (32, 48)):
            found = zoo.predict(model, image, image_size=size, options=options)
            assert found["segmentation"].shape == (1, 50, 70)


def test_scaled_size():
    assert [scaled_size(10, s) for s in (0.75, 1, 1.25, 0.01, 0.35)] == [8, 10, 12, 1, 4]
    assert scaled_size(4001, 1.1) == 4401
    assert int(scaled_size(ops.convert_to_tensor(4001), 1.1)) == 4401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tile": (0, 5)}, "whole pixels"),
        ({"tile": (8,)}, "whole pixels"),
        ({"overlap": 4}, "needs a tile"),
        ({"tile": (32, 16), "overlap": 9}, "in \\[0, 8\\] pixels for tiles"),
        ({"tile": (32, 16), "overlap": -1}, "in \\[0, 8\\] pixels for tiles"),
        ({"scales": ()}, "factors such as"),
        ({"scales": (1, 0)}, "factors such as"),
        ({"scales": (float("nan"),)}, "factors such as"),
    ],
)
def test_options_out_of_range_are_refused(arguments, message):
    with pytest.raises(zoo.InputError, match=message):
        InferenceOptions(**arguments)


def test_options_are_for_segmentation():
    InferenceOptions().check("detection")
    with pytest.raises(zoo.InputError, match="not for detection models"):
        InferenceOptions(flip=True).check("detection")


def test_options_as_plain_values():
    options = InferenceOptions((64, 48), scales=[1, 2])
    assert options.overlap_pixels == 12
    assert InferenceOptions(**options.to_dict()) == InferenceOptions((64, 48), 12, (1.0, 2.0))
    assert (
        InferenceOptions(**InferenceOptions().to_dict()) == InferenceOptions()
        and InferenceOptions().plain
    )
