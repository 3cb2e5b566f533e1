"""Published weights of the backbones, alone and inside a whole model."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import keras

from zoo.backbones.keras_applications import call_constructor
from zoo.errors import InputError

APPLICATIONS = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "densenet121": "DenseNet121",
    "mobilenet_v2": "MobileNetV2",
    "xception": "Xception",
}
"""Names of backbones and of the networks in `keras.applications` that have their weights."""

# Dense layers of a network, and the names of the convolutions that replace them in the fully
# convolutional networks.
_CONVOLVED = {"vgg16": {"fc1": ("fc6", "fc6_conv"), "fc2": ("fc7", "fc7_conv")}}

# Layers of Xception with automatic names in Keras, in order.
_UNNAMED = {"xception": [f"block{block}_shortcut" for block in (2, 3, 4, 13)]}


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
        foreign[0].set_weights(foreign[0].with_published_weights(weights).get_weights())
        filled = foreign
    else:
        left = set(load_weights(model, found[0], weights))
        own = [layer for layer in layers if layer.name.startswith(f"{found[0]}_")]
        own += _convolved(layers, found[0]).values()
        filled = [layer for layer in own if layer.name not in left]
    loaded = {id(variable) for layer in filled for variable in layer.weights}
    return {variable.path: id(variable) in loaded for variable in model.weights}


def load_weights(
    target: keras.Model, name: str, weights: str | None = "imagenet", *, prefix: str | None = None
) -> list[str]:
    """Copies the weights of a network of `APPLICATIONS` into a model that contains it.

    The weights of a classifier of 1000 classes (a layer `prefix_predictions`) are copied too, and
    those of VGG16's fc1 and fc2 into convolutions fc6 (7×7) and fc7 (1×1) of as many filters.
    `weights` is `"imagenet"`, fetched by Keras; a file; or None for random values. Returns the
    names of the target's layers without published weights: normalizations that Keras' network
    lacks, and fc6 and fc7 of another size.
    """
    prefix = f"{prefix or name}_"
    targets = {
        layer.name.removeprefix(prefix): layer
        for layer in target.layers
        if layer.name.startswith(prefix) and layer.weights
    }
    convolved = _convolved(target.layers, name)
    source = _application(name, weights, "predictions" in targets or bool(convolved))
    sources = _by_target_name(source, name)
    missing = [key for key in targets if key not in sources]
    unexpected = [key for key in missing if not key.endswith("norm")]
    if unexpected:
        raise InputError(
            f"{name}: the published network has no layer {unexpected[0]!r} ({len(unexpected)} "
            "missing in all); use the default blocks."
        )
    for key in targets.keys() & sources.keys():
        _copy(sources[key], targets[key])
    return [targets[key].name for key in missing] + _copy_dense(source, convolved)


def _convolved(layers: Sequence[keras.layers.Layer], name: str) -> dict[str, keras.layers.Conv2D]:
    """The convolutions among the layers that replace dense ones, by the names of these."""
    return {
        dense: layer
        for dense, names in _CONVOLVED.get(name, {}).items()
        for layer in layers
        if layer.name in names and isinstance(layer, keras.layers.Conv2D)
    }


def _copy_dense(source: keras.Model, convolved: dict[str, keras.layers.Conv2D]) -> list[str]:
    """Copies dense layers into convolutions, all or none; returns the names of those left out."""
    values = {dense: source.get_layer(dense).get_weights() for dense in convolved}
    for dense, layer in convolved.items():
        *window, filters = layer.kernel.shape
        if values[dense][0].shape != (math.prod(window), filters) or not layer.use_bias:
            return [layer.name for layer in convolved.values()]
    for dense, layer in convolved.items():
        kernel, bias = values[dense]
        # Flattening is row by row, as in a kernel.
        layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
    return []


def _application(name: str, weights: str | None, include_top: bool) -> keras.Model:
    if name not in APPLICATIONS:
        raise InputError(
            f"backbone {name!r} has no weights in keras.applications. "
            f"Available: {', '.join(APPLICATIONS)}."
        )
    arguments: dict[str, Any] = {} if include_top else {"input_shape": (None, None, 3)}
    return call_constructor(APPLICATIONS[name], weights, include_top=include_top, **arguments)


def _by_target_name(model: keras.Model, name: str) -> dict[str, keras.layers.Layer]:
    """The layers with weights of a Keras network, by their names in the zoo's backbone."""
    layers: dict[str, keras.layers.Layer] = {}
    numbered: dict[str, list[keras.layers.Layer]] = {"conv2d": [], "batch_normalization": []}
    for layer in model.layers:
        kind = re.fullmatch(r"(conv2d|batch_normalization)(?:_\d+)?", layer.name)
        if kind:
            numbered[kind[1]].append(layer)
        elif layer.weights:
            layers[_target_name(layer.name)] = layer
    for kind_name, suffix in (("conv2d", ""), ("batch_normalization", "_norm")):
        ordered = sorted(numbered[kind_name], key=lambda layer: _number(layer.name))
        for target_name, layer in zip(_UNNAMED.get(name, ()), ordered, strict=True):
            layers[target_name + suffix] = layer
    return layers


def _number(name: str) -> int:
    """The number at the end of a layer's automatic name, 0 without one."""
    match = re.search(r"_(\d+)$", name)
    return int(match[1]) if match else 0


def _target_name(name: str) -> str:
    name = re.sub(r"^bn_(.+)$", r"\1_norm", name)
    return re.sub(r"(^|_)(bn|BN)$", r"\1norm", name)


def _copy(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    published, shapes = source.get_weights(), [w.shape for w in target.get_weights()]
    if [w.shape for w in published] != shapes:
        raise InputError(
            f"layer {target.name}: weights must have shapes {shapes} and the published ones have "
            f"{[w.shape for w in published]}; use width=1, the default blocks and biases, norm "
            "'batch', 'frozen' or 'sync', and images of 3 channels."
        )
    target.set_weights(published)
