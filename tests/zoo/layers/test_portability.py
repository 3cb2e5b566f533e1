"""The same layers on another backend, compiled by XLA, and in half precision."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from zoo.layers import (
    AdaptivePooling,
    BedOfNailsUnpooling,
    BilinearInitializer,
    BilinearUnpooling,
    CropLike,
    LaplacianPyramid,
    MaxPoolWithIndices,
    MaxUnpool,
    NearestUnpooling,
    PadToMultiple,
    PixelNormalization,
    ResizeLike,
    ResizeTo,
    SpatialPyramidPooling,
    TransposedConv2D,
    normalization,
)


def there_and_back(x):
    pooled, switches = MaxPoolWithIndices()(x)
    return MaxUnpool()([pooled, switches, x])


def up(padding):
    kernel = BilinearInitializer()
    return lambda x: TransposedConv2D(4, 3, padding=padding, kernel_initializer=kernel)(x)


def scaled_and_back(kind):
    return lambda x: ResizeLike(kind)([ResizeTo(9, 4, kind)(x), x])


def padded_and_back(mode):
    return lambda x: CropLike("center")([3 * PadToMultiple(4, mode)(x), x])


FUNCTIONS = {
    "nearest": lambda x: NearestUnpooling(3)(x),
    "nails": lambda x: BedOfNailsUnpooling(3)(x),
    "bilinear": lambda x: BilinearUnpooling(3)(x),
    "bilinear aligned": lambda x: BilinearUnpooling(3, align_corners=True)(x),
    "max unpool": there_and_back,
    "resize bilinear": scaled_and_back("bilinear"),
    "resize aligned": scaled_and_back("bilinear_aligned"),
    "resize nearest": scaled_and_back("nearest"),
    "pad reflect": padded_and_back("reflect"),
    "pad zero": padded_and_back("zero"),
    "transposed same": up("same"),
    "transposed cropped": up(1),
    "adaptive": lambda x: AdaptivePooling(3, "mean")(x),
    "spp": lambda x: SpatialPyramidPooling((3, 2, 1))(x),
    "laplacian": lambda x: LaplacianPyramid(3)(x)[0],
    "pixels": lambda x: PixelNormalization([1.0, 2.0, 3.0], 2.0, "bgr")(x),
    "group": lambda x: normalization("group")(x),
    "frozen": lambda x: normalization("frozen")(x),
}


def maps():
    return np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")


def predict(name):
    """Through a functional model of unknown size, on whatever backend is running."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, FUNCTIONS[name](inputs)).predict(maps(), verbose=0)


def main(path):
    np.savez(path, **{name: predict(name) for name in FUNCTIONS})


def test_jax_gives_the_same_numbers(tmp_path):
    pytest.importorskip("jax")
    path = tmp_path / "jax.npz"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, __file__, str(path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    other = np.load(path)
    assert set(other) == set(FUNCTIONS)
    for name in FUNCTIONS:
        np.testing.assert_allclose(other[name], predict(name), atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_xla_compiles_value_and_gradient(name):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("XLA is called through TensorFlow")
    inputs = keras.Input((5, 7, 3))
    model = keras.Model(inputs, FUNCTIONS[name](inputs))

    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(model(x)))
        return total, tape.gradient(total, x)

    x = tf.constant(maps())
    compiled = tf.function(value_and_gradient, jit_compile=True)(x)
    for one, two in zip(compiled, value_and_gradient(x), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = predict(name)
    finally:
        keras.config.set_dtype_policy(before)
    whole = predict(name)
    assert np.isfinite(half).all()
    np.testing.assert_allclose(half, whole, atol=0.02, rtol=0.01)


if __name__ == "__main__":
    main(sys.argv[1])
