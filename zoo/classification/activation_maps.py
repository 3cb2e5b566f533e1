"""Where a classifier looks: class activation maps, without gradients.

B. Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from zoo.errors import InputError
from zoo.model import Model


def has_activation_maps(model: Model) -> bool:
    """Whether the model's logits are linear in the mean over a map."""
    return _pooled(model) is not None


def activation_model(model: Model) -> keras.Model:
    """A model from the same images to class activation maps (B, h, w, classes) float32.

    The mean of a class's map is its logit, so positive cells speak for the class and negative ones
    against it.

    Raises:
        InputError: the model has no mean over a map right before its logits.
    """
    pool = _pooled(model)
    if pool is None:
        raise InputError(
            f"{model.architecture} has no mean over a map right before its logits, so it has no "
            "class activation maps."
        )
    maps, dense = pool.input, _dense_behind(model, pool)
    if dense is not None:
        maps = _Weighted(dense, name="activation")(maps)
    return keras.Model(model.input, maps, name=f"{model.name}_activation")


def _pooled(model: Model):
    pools = [x for x in model.layers if isinstance(x, layers.GlobalAveragePooling2D)]
    return pools[-1] if pools and model.task_name == "classification" else None


def _dense_behind(model: Model, pool):
    dense = [x for x in model.layers if isinstance(x, layers.Dense)]
    return next((x for x in dense if x.input is pool.output), None)


class _Weighted(layers.Layer):
    """A dense layer on every cell of a map."""

    def __init__(self, dense: layers.Dense, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.dense = dense

    def call(self, inputs):
        kernel, bias = self.dense.kernel, self.dense.bias
        return ops.matmul(ops.cast(inputs, "float32"), ops.cast(kernel, "float32")) + bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.dense.units)
