"""Darknet's layers, one function per kind of section, with its rules for borders and sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras import layers

from zoo.darknet.cfg_options import line_error
from zoo.errors import InputError, nearest
from zoo.layers.bordered_pooling import BorderedMaxPooling
from zoo.layers.locally_connected import LocallyConnected
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.reorg import Reorg

ACTIVATIONS = ("linear", "leaky", "relu", "logistic", "tanh", "elu")

Section = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """Output (B, h, w, C), or (B, C) of a connected layer, for images of the size in the file."""

    x: Any
    height: int
    width: int
    channels: int
    stride: int

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels

    @property
    def values(self) -> int:
        """Values per image."""
        return self.height * self.width * self.channels

    def vector(self, name: str) -> Any:
        """Returns the map as (B, values), channels before rows before columns."""
        if len(self.x.shape) == 2:
            return self.x
        x = self.x
        if self.height * self.width > 1:
            x = layers.Permute((3, 1, 2), name=f"{name}_channels_first")(x)
        return layers.Reshape((self.values,), name=f"{name}_flat")(x)


def wrong(section: Section, message: str) -> InputError:
    """Returns the error of a section, with its line."""
    return line_error(section["line"], f"[{section['kind']}] {message}")


def convolutional(
    section: Section, inputs: FeatureMap, name: str, norm: str, epsilon: float
) -> FeatureMap:
    """Adds a convolution, its batch normalization if any, and its activation."""
    size, stride, groups = section["size"], section["stride"], section["groups"]
    pad = size // 2 if section["pad"] else section["padding"]
    _demand_map(section, inputs)
    if inputs.channels % groups or section["filters"] % groups:
        raise wrong(
            section,
            f"groups must be a divisor of {inputs.channels} channels and {section['filters']} "
            f"filters, not {groups}.",
        )
    height, width = (_count(section, side + 2 * pad, size, stride) for side in inputs.size[:2])
    same = stride == 1 and size == 2 * pad + 1
    x = inputs.x
    if pad and not same:
        x = layers.ZeroPadding2D(pad, name=f"{name}_pad")(x)
    normalized = section["batch_normalize"] and normalizes(norm)
    x = layers.Conv2D(
        section["filters"],
        size,
        strides=stride,
        padding="same" if same else "valid",
        groups=groups,
        use_bias=not normalized,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    if normalized:
        x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    x = activated(section, x, name)
    return FeatureMap(x, height, width, section["filters"], inputs.stride * stride)


def local(section: Section, inputs: FeatureMap, name: str) -> FeatureMap:
    """Adds a locally connected layer: a convolution with separate filters at every position."""
    _demand_map(section, inputs)
    size, stride = section["size"], section["stride"]
    if section["pad"] and size != 3:
        raise wrong(section, f"size must be 3 with pad=1, not {size}.")
    pad = section["pad"]
    height, width = (_count(section, side + 2 * pad, size, stride) for side in inputs.size[:2])
    x = LocallyConnected(section["filters"], size, stride, pad, name=name)(inputs.x)
    x = activated(section, x, name)
    return FeatureMap(x, height, width, section["filters"], inputs.stride * stride)


def connected(
    section: Section, inputs: FeatureMap, name: str, norm: str, epsilon: float
) -> FeatureMap:
    """Adds a dense layer on the flattened map."""
    normalized = section["batch_normalize"] and normalizes(norm)
    x = layers.Dense(
        section["output"], use_bias=not normalized, kernel_initializer="he_normal", name=name
    )(inputs.vector(name))
    if normalized:
        x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    return FeatureMap(activated(section, x, name), 1, 1, section["output"], inputs.stride)


def maxpool(section: Section, inputs: FeatureMap, name: str) -> FeatureMap:
    """Adds max pooling; the default padding is the window size minus 1."""
    _demand_map(section, inputs)
    stride = section["stride"]
    size = section["size"] or stride
    padding = size - 1 if section["padding"] is None else section["padding"]
    if padding >= 2 * size:
        raise wrong(section, f"padding must be below {2 * size} for size={size}, not {padding}.")
    height, width = (_count(section, side + padding, size, stride) for side in inputs.size[:2])
    if padding == size - 1 and (stride == 1 or size == stride == 2):
        pool: Any = layers.MaxPooling2D(size, stride, padding="same", name=name)
    else:
        pool = BorderedMaxPooling(size, stride, padding, name=name)
    return FeatureMap(pool(inputs.x), height, width, inputs.channels, inputs.stride * stride)


def avgpool(section: Section, inputs: FeatureMap, name: str) -> FeatureMap:
    """Adds global average pooling."""
    _demand_map(section, inputs)
    x = layers.GlobalAveragePooling2D(keepdims=True, name=name)(inputs.x)
    return FeatureMap(x, 1, 1, inputs.channels, inputs.stride * inputs.height)


def route(section: Section, sources: list[FeatureMap], name: str) -> FeatureMap:
    """Concatenates earlier maps, or a group of the channels of each."""
    groups, group = section["groups"], section["group_id"]
    if group >= groups:
        raise wrong(section, f"group_id must be from 0 to {groups - 1}, not {group}.")
    if len({source.size[:2] for source in sources}) > 1:
        sizes = ", ".join(f"{source.height}×{source.width}" for source in sources)
        raise wrong(section, f"maps must have one size, not {sizes}.")
    parts = []
    for source in sources:
        _demand_map(section, source)
        if source.channels % groups:
            raise wrong(
                section, f"groups must be a divisor of {source.channels} channels, not {groups}."
            )
        depth = source.channels // groups
        whole = groups == 1
        parts.append(source.x if whole else source.x[..., group * depth : (group + 1) * depth])
    x = layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]
    channels = sum(source.channels for source in sources) // groups
    return dataclasses.replace(sources[0], x=x, channels=channels)


def shortcut(section: Section, inputs: FeatureMap, other: FeatureMap, name: str) -> FeatureMap:
    """Adds an earlier map."""
    if inputs.size != other.size:
        raise wrong(section, f"maps must have one size, not {inputs.size} and {other.size}.")
    x = layers.Add(name=name)([inputs.x, other.x])
    return dataclasses.replace(inputs, x=activated(section, x, name))


def reorg(section: Section, inputs: FeatureMap, name: str) -> FeatureMap:
    """Moves blocks of cells to channels in Darknet's order."""
    _demand_map(section, inputs)
    s = section["stride"]
    if inputs.height % s or inputs.width % s or inputs.channels % s**2:
        raise wrong(
            section,
            f"stride must be a divisor of the sides, and its square of the channels, of "
            f"{inputs.size}, not {s}.",
        )
    x = Reorg(s, name=name)(inputs.x)
    return FeatureMap(
        x, inputs.height // s, inputs.width // s, inputs.channels * s**2, inputs.stride * s
    )


def upsample(section: Section, inputs: FeatureMap, name: str) -> FeatureMap:
    """Adds nearest upsampling."""
    _demand_map(section, inputs)
    s = section["stride"]
    if inputs.stride % s:
        raise wrong(section, f"stride must be a divisor of {inputs.stride}, not {s}.")
    x = layers.UpSampling2D(s, interpolation="nearest", name=name)(inputs.x)
    if section["scale"] != 1:
        x = layers.Rescaling(section["scale"], name=f"{name}_scale")(x)
    return FeatureMap(x, inputs.height * s, inputs.width * s, inputs.channels, inputs.stride // s)


def activated(section: Section, x: Any, name: str) -> Any:
    """Applies the section's activation."""
    kind = section["activation"]
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        hint = nearest(kind, ACTIVATIONS)
        raise wrong(section, f"unknown activation {kind!r}{hint} Available: {known}.")
    if kind == "linear":
        return x
    if kind == "leaky":
        return layers.LeakyReLU(0.1, name=f"{name}_leaky")(x)
    keras_name = "sigmoid" if kind == "logistic" else kind
    return layers.Activation(keras_name, name=f"{name}_{kind}")(x)


def _demand_map(section: Section, inputs: FeatureMap) -> None:
    if len(inputs.x.shape) != 4:
        raise wrong(
            section, "the section cannot follow a connected layer, whose output is not a map."
        )


def _count(section: Section, side: int, size: int, stride: int) -> int:
    """Number of windows on a padded side."""
    if side < size:
        raise wrong(
            section, f"size must be at most {side}, the padded side of the map, not {size}."
        )
    return (side - size) // stride + 1
