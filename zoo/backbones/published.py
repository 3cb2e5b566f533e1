"""Published weights of the backbone inside a whole model."""

from __future__ import annotations

import keras

from zoo.backbones.adapter import load_trunk_weights
from zoo.backbones.imagenet_weights import APPLICATIONS, load_weights
from zoo.errors import InputError

_CONVOLVED = {"fc6", "fc7", "fc6_conv", "fc7_conv"}


def load_published(model: keras.Model, weights: str = "imagenet") -> dict[str, bool]:
    """Copies the weights of a published classification network into the backbone of a model.

    VGG16's dense layers also fill the convolutions fc6 and fc7 of the fully convolutional
    networks, where these have their 4096 channels.

    Args:
        model: model with one backbone of `zoo.backbones`, whose layers have its name as prefix.
        weights: `"imagenet"` for the weights that the backbone's library fetches, or a file that it
            reads.

    Returns:
        Whether each variable was loaded, by its path.

    Raises:
        InputError: if the model has no such backbone, or the weights do not fit it.
    """
    layers = list(model._flatten_layers(include_self=False))
    foreign = [layer for layer in layers if hasattr(layer, "with_published_weights")]
    found = [name for name in APPLICATIONS if any(x.name.startswith(f"{name}_") for x in layers)]
    if len(found) + len(foreign) != 1:
        raise InputError(
            f"{model.name}: weights={weights!r} needs a model with one backbone that has published "
            f"weights, not with {len(found) + len(foreign)}. Available: {', '.join(APPLICATIONS)}, "
            "applications:…, keras_cv:…."
        )
    if foreign:
        load_trunk_weights(foreign[0], weights)
        filled = foreign
    else:
        left = set(load_weights(model, found[0], weights))
        left |= set() if found[0] == "vgg16" else _CONVOLVED
        filled = [
            layer
            for layer in layers
            if layer.name not in left and _is_backbone(layer, f"{found[0]}_")
        ]
    loaded = {id(variable) for layer in filled for variable in layer.weights}
    return {variable.path: id(variable) in loaded for variable in model.weights}


def _is_backbone(layer: keras.layers.Layer, prefix: str) -> bool:
    convolved = layer.name in _CONVOLVED and isinstance(layer, keras.layers.Conv2D)
    return convolved or layer.name.startswith(prefix)
