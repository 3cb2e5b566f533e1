"""Tiles, scales and flips against whole images and against their definitions."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.inference.image_transform import scaled_size
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


def scores(model, canvas, inference, portable=False):
    return ops.convert_to_numpy(_outputs(model, canvas, inference, portable)["segmentation"])


def in_graph(model, canvas, inference):
    """The same in a TensorFlow graph where no size is known."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("graphs of unknown sizes are TensorFlow's")
    function = tf.function(
        lambda x: _outputs(model, x, inference, False)["segmentation"],
        input_signature=[tf.TensorSpec((None, None, None, 3))],
    )
    return function(canvas).numpy()


@pytest.fixture(scope="module")
def wide():
    """A net at full resolution that looks three pixels far."""
    return shifted(zoo.build("full_resolution", num_classes=3, depth=3, filters=8))


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
    canvas = make_images(75, 101)
    expected = ops.convert_to_numpy(wide(canvas)["segmentation"])
    inference = InferenceOptions(tile, overlap=12)  # a quarter is what the net sees
    assert gap(scores(wide, canvas, inference), expected) < 1e-5
    assert gap(in_graph(wide, canvas, inference), expected) < 1e-5


def test_an_overlap_too_narrow_for_the_net_shows(wide):
    canvas = make_images(75, 101)
    expected = ops.convert_to_numpy(wide(canvas)["segmentation"])
    assert gap(scores(wide, canvas, InferenceOptions((24, 24), overlap=4)), expected) > 1e-3


def test_tiles_on_the_grid_of_a_net_that_pools():
    model = shifted(zoo.build("unet", num_classes=3, filters=4, depth=2))
    canvas = make_images(120, 160, batch=1)
    expected = ops.convert_to_numpy(model(canvas)["segmentation"])
    assert gap(scores(model, canvas, InferenceOptions((80, 80), overlap=40)), expected) < 1e-5


def shares(size, tile, overlap):
    """Starts of the tiles of one axis and, by definition, the share of each at every pixel."""
    starts = [0]
    while starts[-1] + tile < size:
        starts.append(min(starts[-1] + tile - overlap, size - tile))
    centres = np.arange(size) + 0.5
    table = np.ones((len(starts), size))
    for number, (before, after) in enumerate(itertools.pairwise(starts)):
        border = (after + before + tile) / 2
        rise = np.clip((centres - border) / max(overlap / 2, 1e-9) + 0.5, 0, 1)
        table[number] *= 1 - rise
        table[number + 1] *= rise
    return starts, table


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(
    ("size", "tile", "overlap"),
    [((50, 61), (16, 20), 8), ((33, 40), (16, 16), 5), ((17, 90), (16, 31), 0)],
)
def test_blending_is_as_defined(size, tile, overlap, portable):
    """Every tile knows its place by its pixels and adds what differs from tile to tile."""
    canvas = make_images(*size, batch=1)[..., :1]
    seen = []

    def run(piece):
        seen.append(tuple(piece.shape[1:3]))
        ramp = ops.reshape(ops.arange(piece.shape[1], dtype="float32"), (1, -1, 1, 1))
        return ops.concatenate([piece * 0 + ramp, piece], axis=-1)

    found = in_overlapping_tiles(run, ops.convert_to_tensor(canvas), tile, overlap, 2, portable)
    assert set(seen) == {tile}
    rows, row_shares = shares(size[0], tile[0], overlap)
    columns, column_shares = shares(size[1], tile[1], overlap)
    expected = np.zeros((*size, 2))
    for top, high in zip(rows, row_shares, strict=True):
        for left, wide in zip(columns, column_shares, strict=True):
            weight = np.outer(high, wide)
            expected[..., 0] += weight * (np.arange(size[0]) - top)[:, None]
            expected[..., 1] += weight * canvas[0, ..., 0]
            # Where a tile has a share it has pixels, with a quarter of the overlap to spare.
            there = np.argwhere(weight > 0)
            if left > 0:
                assert there[:, 1].min() >= left + overlap / 4 - 1
            if left < columns[-1]:
                assert there[:, 1].max() < left + tile[1] - overlap / 4 + 1
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0], expected, atol=1e-4)


@pytest.mark.parametrize("tile", [(16, 20), (33, 33), (1, 300)])
@pytest.mark.parametrize("size", [(75, 101), (9, 40)])
def test_valid_convolutions_abut_exactly(valid, tile, size):
    canvas = make_images(*size)
    whole = valid(_with_margin(canvas, valid.sizes))["segmentation"]
    expected = ops.convert_to_numpy(whole)[:, : size[0], : size[1]]
    for way in (scores, in_graph):
        found = way(valid, canvas, InferenceOptions(tile))
        assert found.shape == (2, *size, 3)
        assert gap(found, expected) < 1e-5


def test_portable_tiles_are_the_same(wide, valid):
    canvas = ops.convert_to_tensor(make_images(75, 101, batch=1))
    for model, inference in (
        (wide, InferenceOptions((24, 40), 8)),
        (valid, InferenceOptions((33, 20))),
    ):
        plain = scores(model, canvas, inference)
        np.testing.assert_array_equal(scores(model, canvas, inference, portable=True), plain)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_a_flip_averages_probabilities(wide):
    image = make_images(30, 41, batch=1)
    logits = [ops.convert_to_numpy(wide(x)["segmentation"]) for x in (image, image[:, :, ::-1])]
    mean = (softmax(logits[0]) + softmax(logits[1])[:, :, ::-1]) / 2
    found = zoo.predict(wide, image, inference=InferenceOptions(flip=True))["segmentation"]
    np.testing.assert_array_equal(ops.convert_to_numpy(found), mean.argmax(-1))
    assert (mean.argmax(-1) != logits[0].argmax(-1)).any()


@pytest.mark.parametrize(
    ("canvas", "resize"), [((32, 48), "letterbox"), ((32, 48), "stretch"), (None, "")]
)
def test_scales_average_what_each_scale_predictions(wide, canvas, resize):
    """Each pass is the model on a canvas of that size, its map back in the image's pixels."""
    image = make_images(40, 31, batch=1)
    resize = resize or "native"
    total = 0
    for scale in (0.5, 1.5):
        sides = canvas or (40, 31)
        size = tuple(max(1, round(side * scale)) for side in sides)
        placed, transform = zoo.inference.prediction.transform_images(
            image, size, "stretch" if canvas is None else resize
        )
        maps = ops.softmax(wide(placed)["segmentation"], axis=-1)
        total = total + ops.convert_to_numpy(transform.restore_map(maps))
    inference = InferenceOptions(scales=(0.5, 1.5))
    found = zoo.predict(wide, image, image_size=canvas, resize=resize, inference=inference)
    different = ops.convert_to_numpy(found["segmentation"]) != total.argmax(-1)
    assert different.mean() < 0.002


def test_all_aids_at_once_on_any_net(wide, valid):
    image = make_images(50, 70, batch=1).astype("uint8")
    inference = InferenceOptions((24, 24), 8, (0.75, 1, 1.25), True)
    for model in (wide, valid):
        for size in (None, (32, 48)):
            found = zoo.predict(model, image, image_size=size, inference=inference)
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
        ({"overlap": 4}, "needs tiles"),
        ({"tile": (32, 16), "overlap": 9}, "it is from 0 to 8"),
        ({"tile": (32, 16), "overlap": -1}, "it is from 0 to 8"),
        ({"scales": ()}, "factors such as"),
        ({"scales": (1, 0)}, "factors such as"),
        ({"scales": (float("nan"),)}, "factors such as"),
    ],
)
def test_aids_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(zoo.InputError, match=message):
        InferenceOptions(**arguments)


def test_aids_are_for_segmentation():
    InferenceOptions().check("detection")
    with pytest.raises(zoo.InputError, match="not of detection"):
        InferenceOptions(flip=True).check("detection")


def test_aids_as_plain_values():
    inference = InferenceOptions((64, 48), scales=[1, 2])
    assert inference.pixels_of_overlap == 12
    assert InferenceOptions(**inference.to_dict()) == InferenceOptions((64, 48), 12, (1.0, 2.0))
    assert (
        InferenceOptions(**InferenceOptions().to_dict()) == InferenceOptions()
        and InferenceOptions().plain
    )
