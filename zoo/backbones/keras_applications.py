"""Keras' own classification networks: their ImageNet weights, and the networks themselves.

`load_weights` copies Keras' published weights into a family of the zoo, which then has every
option of the zoo (output stride, norm policy). `features` wraps a network of `keras.applications`
as it is, for depths that the zoo has no entry for. Keras fetches the weights when they are asked
for.
"""

from __future__ import annotations

import math
import re

import keras

from zoo.backbones.adapter import apply_foreign
from zoo.errors import InputError

_RESNET = {1: "conv1_relu", 2: "conv2_block3_out", 5: "conv5_block3_out"}
_DENSENET = {1: "conv1_relu", 2: "pool2_relu", 3: "pool3_relu", 4: "pool4_relu", 5: "relu"}

# Name -> constructor in keras.applications, and the layer that ends each level.
APPLICATIONS: dict[str, tuple[str, dict[int, str]]] = {
    "vgg16": (
        "VGG16",
        {level: f"block{level + 1}_conv{n}" for level, n in enumerate((2, 2, 3, 3, 3))}
        | {5: "block5_pool"},
    ),
    "vgg19": (
        "VGG19",
        {level: f"block{level + 1}_conv{n}" for level, n in enumerate((2, 2, 4, 4, 4))}
        | {5: "block5_pool"},
    ),
    "resnet50": ("ResNet50", _RESNET | {3: "conv3_block4_out", 4: "conv4_block6_out"}),
    "resnet101": ("ResNet101", _RESNET | {3: "conv3_block4_out", 4: "conv4_block23_out"}),
    "resnet152": ("ResNet152", _RESNET | {3: "conv3_block8_out", 4: "conv4_block36_out"}),
    "densenet121": ("DenseNet121", _DENSENET),
    "densenet169": ("DenseNet169", _DENSENET),
    "densenet201": ("DenseNet201", _DENSENET),
    "mobilenet_v2": (
        "MobileNetV2",
        {
            1: "expanded_conv_project_BN",
            2: "block_2_add",
            3: "block_5_add",
            4: "block_12_add",
            5: "block_16_project_BN",
        },
    ),
    "xception": (
        "Xception",
        {1: "block1_conv2_act", 5: "block14_sepconv2_act"},
    ),
}

# Dense layers of an application -> what networks for segmentation call them as convolutions.
_CONVOLVED = {"vgg16": {"fc1": ("fc6", "fc6_conv"), "fc2": ("fc7", "fc7_conv")}}

# Keras numbers these layers of Xception as it goes; in order they are:
_UNNAMED = {"xception": [f"block{block}_shortcut" for block in (2, 3, 4, 13)]}


def features(
    x, name: str, *, weights: str | None = None, norm: str | None = "batch"
) -> dict[int, object]:
    """{level: map} of a network of `keras.applications`, as one nested model.

    Args:
        x: normalised pixels (N, H, W, C), as the family's `normalize` gives them. Keras pads
            MobileNetV2's strided convolutions differently where H and W are not known.
        name: one of `APPLICATIONS`.
        weights: "imagenet" (fetched by Keras; C must be 3), a file, or None.
        norm: "batch", "frozen" or "sync".

    Raises:
        InputError: for an unknown name or a policy that the network cannot follow.
    """
    model = _application(name, weights, tuple(x.shape[1:]), include_top=False)
    return apply_foreign(model, _levels(model, name), x, norm, f"keras_{name}")


def _levels(model: keras.Model, name: str) -> dict[int, str]:
    levels = APPLICATIONS[name][1]
    if name == "xception":
        # Keras numbers its sums as it goes: blocks 2, 3, 4, the middle flow, block 13.
        sums = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
        levels = levels | {2: sums[0], 3: sums[1], 4: sums[-2]}
    return levels


def load_weights(
    target: keras.Model, name: str, weights: str | None = "imagenet", *, prefix: str | None = None
) -> list[str]:
    """Copy the weights of a network of `keras.applications` into a zoo model that contains it.

    Args:
        target: a model whose layers are called prefix_...; with the family's top of 1000 classes
            (a layer prefix_predictions) the top's weights are copied too, and VGG16's fc1 and fc2
            into convolutions fc6 (7 x 7) and fc7 (1 x 1) of as many maps.
        name: one of `APPLICATIONS`.
        weights: "imagenet", fetched by Keras; a file; None copies random numbers.
        prefix: default `name`.

    Returns:
        The layers of the target that got nothing: normalisations that Keras' network lacks, and
        a fc6 or fc7 of another size.

    Raises:
        InputError: if there are no such weights, or they do not fit the target's layers.
    """
    prefix = f"{prefix or name}_"
    ours = {
        layer.name.removeprefix(prefix): layer
        for layer in target.layers
        if layer.name.startswith(prefix) and layer.weights
    }
    convolved = _convolved(target, name)
    with_top = "predictions" in ours or bool(convolved)
    source = _application(name, weights, (None, None, 3), include_top=with_top)
    theirs = _by_our_names(source, name)
    for key in [key for key in ours if key in theirs]:
        _copy(theirs[key], ours[key])
    left = [key for key in ours if key not in theirs]
    strange = [key for key in left if not key.endswith("norm")]
    if strange:
        raise InputError(
            f"Keras' weights of {name} have nothing for {strange[0]} ({len(strange)} layers in "
            "all); build it with the default blocks"
        )
    return [ours[key].name for key in left] + _copy_dense(source, convolved)


def _convolved(target: keras.Model, name: str) -> dict[str, keras.layers.Conv2D]:
    """The target's convolutions that stand for dense layers of an application, by their names."""
    return {
        dense: layer
        for dense, names in _CONVOLVED.get(name, {}).items()
        for layer in target.layers
        if layer.name in names and isinstance(layer, keras.layers.Conv2D)
    }


def _copy_dense(source: keras.Model, convolved: dict[str, keras.layers.Conv2D]) -> list[str]:
    """Copies dense layers into convolutions, all or none; returns the names of those without."""
    values = {dense: source.get_layer(dense).get_weights() for dense in convolved}
    for dense, layer in convolved.items():
        *taken, given = layer.kernel.shape
        if values[dense][0].shape != (math.prod(taken), given) or not layer.use_bias:
            return [layer.name for layer in convolved.values()]
    for dense, layer in convolved.items():
        kernel, bias = values[dense]
        # Flattening goes row by row, as a kernel does.
        layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
    return []


def _application(name: str, weights: str | None, shape: tuple, include_top: bool) -> keras.Model:
    if name not in APPLICATIONS:
        known = ", ".join(APPLICATIONS)
        raise InputError(f"Keras publishes no weights for backbone {name!r}; it does for {known}")
    build = getattr(keras.applications, APPLICATIONS[name][0])
    try:
        if include_top:
            return build(weights=weights)
        return build(include_top=False, weights=weights, input_shape=shape)
    # A download fails with a bare Exception, a file in as many ways as there are files.
    except Exception as error:
        if weights is None:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"Keras' weights of {name} ({weights}) were not loaded: {reason}"
        ) from error


def _by_our_names(model: keras.Model, name: str) -> dict[str, keras.layers.Layer]:
    """The application's layers with weights under the names that the zoo's family has."""
    layers: dict[str, keras.layers.Layer] = {}
    numbered: dict[str, list[keras.layers.Layer]] = {"conv2d": [], "batch_normalization": []}
    for layer in model.layers:
        kind = re.fullmatch(r"(conv2d|batch_normalization)(?:_\d+)?", layer.name)
        if kind:
            numbered[kind[1]].append(layer)
        elif layer.weights:
            layers[_our_name(layer.name)] = layer
    for kind_name, suffix in (("conv2d", ""), ("batch_normalization", "_norm")):
        made = sorted(numbered[kind_name], key=lambda layer: _number(layer.name))
        for ours, layer in zip(_UNNAMED.get(name, ()), made, strict=True):
            layers[ours + suffix] = layer
    return layers


def _number(name: str) -> int:
    """The number Keras put behind a layer's name, 0 where there is none."""
    found = re.search(r"_(\d+)$", name)
    return int(found[1]) if found else 0


def _our_name(name: str) -> str:
    name = re.sub(r"^bn_(.+)$", r"\1_norm", name)
    return re.sub(r"(^|_)(bn|BN)$", r"\1norm", name)


def _copy(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    there, here = source.get_weights(), target.get_weights()
    if [w.shape for w in there] != [w.shape for w in here]:
        raise InputError(
            f"layer {target.name} has weights {[w.shape for w in here]} and Keras' are "
            f"{[w.shape for w in there]}; build it with width=1, the default blocks and biases, "
            "norm batch, frozen or sync, and three channels"
        )
    target.set_weights(there)
