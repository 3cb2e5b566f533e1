"""Class activation maps of a classifier.

B. Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from zoo.errors import InputError
from zoo.model import Model


def has_activation_maps(model: Model) -> bool:
    """Returns whether the logits are linear in the mean of a feature map."""
    return _global_pooling(model) is not None


def activation_model(model: Model) -> keras.Model:
    """Returns a model from images to class activation maps (B, h, w, num_classes) float32.

    The mean of a class's map is its logit: positive cells raise its score and negative cells
    lower it.

    Raises:
        InputError: if the model has no global average pooling before its logits.
    """
    pool = _global_pooling(model)
    if pool is None:
        raise InputError(
            f"{model.architecture} has no global average pooling before its logits, which class "
            "activation maps need."
        )
    maps, dense = pool.input, _dense_after(model, pool)
    if dense is not None:
        maps = _DensePerCell(dense, name="activation")(maps)
    return keras.Model(model.input, maps, name=f"{model.name}_activation")


def _global_pooling(model: Model):
    pools = [x for x in model.layers if isinstance(x, layers.GlobalAveragePooling2D)]
    return pools[-1] if pools and model.task_name == "classification" else None


def _dense_after(model: Model, pool):
    dense = [x for x in model.layers if isinstance(x, layers.Dense)]
    return next((x for x in dense if x.input is pool.output), None)


class _DensePerCell(layers.Layer):
    """Applies a dense layer to every cell of a feature map."""

    def __init__(self, dense: layers.Dense, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.dense = dense

    def call(self, inputs):
        kernel, bias = self.dense.kernel, self.dense.bias
        return ops.matmul(ops.cast(inputs, "float32"), ops.cast(kernel, "float32")) + bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.dense.units)
