"""The feature contract of every backbone, on small configurations."""

import math

import keras
import numpy as np
import pytest

from zoo.backbones import BACKBONES, build_backbone
from zoo.errors import InputError

pytestmark = pytest.mark.parametrize("name", BACKBONES)


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def tiny(name, shape=(None, None, 3), dtype="uint8", **arguments):
    pixels = keras.Input(shape, dtype=dtype)
    maps = build_backbone(name, pixels, **(dict(BACKBONES[name].tiny) | arguments))
    return keras.Model(pixels, {str(level): x for level, x in maps.items()})


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_maps_have_their_nominal_strides(name, output_stride):
    family = BACKBONES[name]
    # The published Xception's stem is not padded.
    extra = {"stem_padding": "same"} if name == "xception" else {}
    model = tiny(name, output_stride=output_stride, **extra)
    maps = model.predict(random_pixels(1, 64, 96, 3), verbose=0)
    assert {int(level) for level in maps} == set(family.levels)
    for level, value in maps.items():
        stride = min(2 ** int(level), output_stride)
        assert value.shape[1:3] == (64 // stride, 96 // stride), level
        assert np.isfinite(value).all()
    assert maps["5"].std() > 0


def test_any_height_and_width(name):
    model = tiny(name)
    for height, width in ((75, 101), (107, 75)):
        maps = model.predict(random_pixels(1, height, width, 3), verbose=0)
        for level, value in maps.items():
            for side, whole in zip(value.shape[1:3], (height, width), strict=True):
                loss = 3 if name == "xception" else 1
                assert abs(side - math.ceil(whole / 2 ** int(level))) <= loss


@pytest.mark.parametrize("norm", ["batch", "frozen", "group", "sync", "none"])
def test_every_norm_policy_in_training(name, norm):
    model = tiny(name, (64, 64, 3), norm=norm)
    statistics = [v for v in model.non_trainable_variables if "moving" in v.path]
    before = [np.array(v) for v in statistics]
    maps = model(random_pixels(2, 64, 64, 3), training=True)
    assert all(np.isfinite(np.array(value)).all() for value in maps.values())
    changed = [(np.array(v) != old).any() for v, old in zip(statistics, before, strict=True)]
    assert bool(statistics) == (norm in ("batch", "sync", "frozen"))
    assert any(changed) == (norm in ("batch", "sync"))
    if norm == "frozen":
        trained = {v.path for v in model.trainable_variables}
        assert not any("gamma" in path or "beta" in path for path in trained)


def test_other_channels_and_half_precision(name):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny(name, (None, None, 5), dtype="float32")
        maps = model.predict(random_pixels(1, 64, 64, 5).astype("float32"), verbose=0)
    finally:
        keras.config.set_dtype_policy(policy)
    for value in maps.values():
        assert value.dtype == np.float16
        assert np.isfinite(value).all()


def test_the_top_gives_logits(name):
    family = BACKBONES[name]
    pixels = keras.Input((64, 64, 3))
    maps = build_backbone(name, pixels, **family.tiny)
    logits = family.top(maps, 7, width=family.tiny["width"])
    assert logits.shape == (None, 7)


def test_saving_and_litert(name, tmp_path, litert):
    model = tiny(name, (64, 64, 3), dtype="float32")
    last = keras.Model(model.inputs, model.outputs[-1])
    pixels = random_pixels(1, 64, 64, 3).astype("float32")
    expected = last.predict(pixels, verbose=0)
    last.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras")
    np.testing.assert_array_equal(again.predict(pixels, verbose=0), expected)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(litert(last, pixels)[0] / scale, expected / scale, atol=1e-4)


def test_a_name_prefixes_every_layer_so_two_fit_in_one_model(name):
    pixels = keras.Input((64, 64, 3))
    family = BACKBONES[name]
    one = family.features(pixels, **family.tiny, name="one")
    two = family.features(pixels, **family.tiny, name="two")
    model = keras.Model(pixels, [one[5], two[5]])
    names = [layer.name for layer in model.layers if layer is not model.layers[0]]
    assert all(layer.startswith(("one_", "two_")) for layer in names)


def test_wrong_arguments_say_what_would_be_right(name):
    pixels = keras.Input((64, 64, 3))
    with pytest.raises(InputError, match="output_stride must be 8, 16 or 32, not 4"):
        build_backbone(name, pixels, output_stride=4)
    with pytest.raises(InputError, match="'sync' or 'none', not 'layer'"):
        build_backbone(name, pixels, norm="layer")
    with pytest.raises(InputError, match="width must be above 0, not 0"):
        build_backbone(name, pixels, width=0)
    with pytest.raises(InputError, match="unexpected keyword argument 'color'"):
        build_backbone(name, pixels, color="red")
