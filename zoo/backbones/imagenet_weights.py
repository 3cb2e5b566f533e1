"""The published weights of `keras.applications`, copied into the zoo's own backbones."""

from __future__ import annotations

import math
import re
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


def load_weights(
    target: keras.Model, name: str, weights: str | None = "imagenet", *, prefix: str | None = None
) -> list[str]:
    """Copies the weights of a network of `keras.applications` into a model that contains it.

    Args:
        target: model with the backbone's layers. The weights of a classifier of 1000 classes (a
            layer `prefix_predictions`) are copied too, and those of VGG16's fc1 and fc2 into
            convolutions fc6 (7×7) and fc7 (1×1) of as many filters.
        name: name of the backbone, one of `APPLICATIONS`.
        weights: `"imagenet"`, fetched by Keras; a file; or None for random values.
        prefix: prefix of the layer names; default `name`.

    Returns:
        The names of the target's layers without published weights: normalizations that Keras'
        network lacks, and fc6 and fc7 of another size.

    Raises:
        InputError: if there are no such weights, or they do not fit the target's layers.
    """
    prefix = f"{prefix or name}_"
    targets = {
        layer.name.removeprefix(prefix): layer
        for layer in target.layers
        if layer.name.startswith(prefix) and layer.weights
    }
    convolved = _convolved(target, name)
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


def _convolved(target: keras.Model, name: str) -> dict[str, keras.layers.Conv2D]:
    """The target's convolutions that replace dense layers, by the names of these."""
    return {
        dense: layer
        for dense, names in _CONVOLVED.get(name, {}).items()
        for layer in target.layers
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
