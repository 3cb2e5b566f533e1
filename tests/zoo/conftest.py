"""What the tests of layers and backbones share: LiteRT and finite differences."""

from __future__ import annotations

import keras
import numpy as np
import pytest


def _convert(model: keras.Model, quantize_with=None) -> bytes:
    import tensorflow as tf

    signature = [tf.TensorSpec([1, *i.shape[1:]], i.dtype, name=i.name) for i in model.inputs]
    function = tf.function(
        lambda *x: model(x[0] if len(x) == 1 else list(x), training=False),
        input_signature=signature,
    )
    # The converter freezes only variables that a TensorFlow module tracks.
    tracked = tf.Module()
    tracked.kept = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tracked
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize_with is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x] for x in quantize_with)
    return converter.convert()


@pytest.fixture
def litert():
    """A function (model, *arrays, quantize_with=None) -> the outputs of its LiteRT form.

    Only LiteRT's own operators are allowed. Arrays have a batch of one.
    """
    pytest.importorskip("tensorflow")
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")

    def run(model, *arrays, quantize_with=None):
        if keras.backend.backend() != "tensorflow":
            pytest.skip("LiteRT files are made on TensorFlow")
        interpreter = interpreters.Interpreter(model_content=_convert(model, quantize_with))
        details = sorted(interpreter.get_input_details(), key=lambda d: d["name"])
        # Concrete functions name their arguments in order: x, x_1, ... or by the given names.
        assert len(details) == len(arrays)
        for detail, array in zip(details, arrays, strict=True):
            interpreter.resize_tensor_input(detail["index"], array.shape)
        interpreter.allocate_tensors()
        for detail, array in zip(details, arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]

    return run


@pytest.fixture
def gradient_error():
    """A function (layer, x, step) -> greatest difference of gradient and central differences.

    `layer` maps a float64 array to a tensor; its outputs are summed with fixed random weights.
    """
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")

    def error(layer, x, step=1e-4):
        x = np.asarray(x, "float64")
        weights = np.random.default_rng(0).normal(size=layer(tf.constant(x)).shape)

        def total(values):
            return tf.reduce_sum(layer(values) * weights)

        with tf.GradientTape() as tape:
            variable = tf.constant(x)
            tape.watch(variable)
            value = total(variable)
        exact = tape.gradient(value, variable).numpy().ravel()
        numeric = np.empty_like(exact)
        for i in range(exact.size):
            shift = np.zeros(exact.size)
            shift[i] = step
            shift = shift.reshape(x.shape)
            numeric[i] = (total(x + shift) - total(x - shift)).numpy() / (2 * step)
        assert np.abs(exact).max() > 0
        return np.abs(exact - numeric).max()

    return error
