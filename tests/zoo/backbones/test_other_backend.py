"""Families on JAX give TensorFlow's numbers."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo.backbones import BACKBONES, build_backbone

# Between them these use nearly every kind of layer that the families have.
FAMILIES = ("resnet50", "mobilenet_v2", "xception")


def predict(name):
    """The coarsest map of a small configuration whose weights come from one generator."""
    pixels = keras.Input((None, None, 3))
    maps = build_backbone(name, pixels, **dict(BACKBONES[name].tiny), output_stride=16)
    model = keras.Model(pixels, maps[5])
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            fan_in = max(np.prod(variable.shape[:-1]), 9)
            variable.assign(rng.standard_normal(variable.shape, "float32") / np.sqrt(fan_in))
    x = rng.integers(0, 256, (1, 67, 93, 3)).astype("float32")
    return keras.ops.convert_to_numpy(model(x, training=False))


def main(path):
    np.savez(path, **{name: predict(name) for name in FAMILIES})


def test_jax_gives_the_same_numbers(tmp_path):
    pytest.importorskip("jax")
    path = tmp_path / "jax.npz"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, __file__, str(path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    other = np.load(path)
    assert set(other) == set(FAMILIES)
    for name in FAMILIES:
        expected = predict(name)
        assert expected.std() > 0
        np.testing.assert_allclose(
            other[name], expected, atol=1e-4 * np.abs(expected).max(), err_msg=name
        )


if __name__ == "__main__":
    main(sys.argv[1])
