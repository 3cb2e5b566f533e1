"""Published weights for a whole model: of the backbone that is found in it."""

from __future__ import annotations

import keras

from zoo.backbones import BACKBONES
from zoo.backbones.keras_applications import APPLICATIONS, load_weights
from zoo.errors import InputError


def load_published(model: keras.Model, weights: str = "imagenet") -> dict[str, bool]:
    """Copies Keras' published weights into the backbone of a model, by the names of its layers.

    VGG16's dense layers also fill the convolutions that stand for them in the fully convolutional
    networks, fc6 and fc7, where these have their 4096 maps.

    Args:
        model: a model with one backbone of `zoo.backbones` under its own name.
        weights: `"imagenet"`, fetched by Keras, or a file of the network of `keras.applications`.

    Returns:
        By the path of each variable of the model, whether it was loaded.

    Raises:
        InputError: no backbone that Keras publishes weights for, or weights that do not fit it.
    """
    known = [name for name in BACKBONES if name in APPLICATIONS]
    names = [layer.name for layer in model.layers]
    found = [name for name in known if any(layer.startswith(f"{name}_") for layer in names)]
    if len(found) != 1:
        raise InputError(
            f"{model.name} has {'more than one' if found else 'no'} backbone of those that Keras "
            f"publishes weights for: {', '.join(known)}."
        )
    left = set(load_weights(model, found[0], weights))
    heads = {"fc6", "fc7", "fc6_conv", "fc7_conv"} if found[0] == "vgg16" else set()
    return {
        variable.path: layer.name not in left
        and (layer.name.startswith(f"{found[0]}_") or layer.name in heads)
        for layer in model.layers
        for variable in layer.weights
    }
