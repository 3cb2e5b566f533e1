"""Layers of a detector that are not trained."""

from __future__ import annotations

import keras
from keras import layers


def freeze_convolutions(model: keras.Model, count: int) -> None:
    """Freezes the first `count` convolutions of a model and the layers between them."""
    convolutions = 0
    for layer in model.layers:
        convolutions += isinstance(layer, layers.Conv2D)
        if convolutions > count:
            return
        layer.trainable = False


def freeze_shared(model: keras.Model) -> None:
    """Freezes all layers that the region proposal network and the detector share."""
    for layer in model.layers:
        if layer is not model.box_head and not layer.name.startswith("rpn_"):
            layer.trainable = False
