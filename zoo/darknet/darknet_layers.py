"""Darknet's layers, one function a kind of section, with its rules of borders and sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras import layers

from zoo.errors import InputError, nearest
from zoo.layers.bordered_pooling import BorderedMaxPooling
from zoo.layers.locally_connected import LocallyConnected
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.reorg import Reorg

ACTIVATIONS = ("linear", "leaky", "relu", "logistic", "tanh", "elu")

Section = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Map:
    """What a layer gives, for images of the size that the file states.

    Attributes:
        x: the tensor, (B, h, w, C), or (B, C) of a connected layer.
        height, width, channels: of it.
        stride: pixels of the image a cell.
    """

    x: Any
    height: int
    width: int
    channels: int
    stride: int

    @property
    def size(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def numbers(self) -> int:
        """Of an image."""
        return self.height * self.width * self.channels

    def vector(self, name: str) -> Any:
        """(B, numbers), channels before rows before columns."""
        if len(self.x.shape) == 2:
            return self.x
        x = self.x
        if self.height * self.width > 1:
            x = layers.Permute((3, 1, 2), name=f"{name}_channels_first")(x)
        return layers.Reshape((self.numbers,), name=f"{name}_flat")(x)


def wrong(section: Section, message: str) -> InputError:
    """The error that names a section's line."""
    return InputError(f"line {section['line']}: [{section['kind']}] {message}")


def convolutional(section: Section, seen: Map, name: str, norm: str, epsilon: float) -> Map:
    """A convolution, maybe with batch normalisation, and its activation."""
    size, stride, groups = section["size"], section["stride"], section["groups"]
    pad = size // 2 if section["pad"] else section["padding"]
    _demand_map(section, seen)
    if seen.channels % groups or section["filters"] % groups:
        raise wrong(
            section,
            f"of {groups} groups does not divide {seen.channels} channels into "
            f"{section['filters']} filters.",
        )
    height, width = (_count(section, side + 2 * pad, size, stride) for side in seen.size[:2])
    same = stride == 1 and size == 2 * pad + 1
    x = seen.x
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
    return Map(x, height, width, section["filters"], seen.stride * stride)


def local(section: Section, seen: Map, name: str) -> Map:
    """A convolution with filters of its own at every place."""
    _demand_map(section, seen)
    size, stride = section["size"], section["stride"]
    if section["pad"] and size != 3:
        raise wrong(section, f"with pad=1 has size=3 in Darknet, not {size}.")
    pad = section["pad"]
    height, width = (_count(section, side + 2 * pad, size, stride) for side in seen.size[:2])
    x = LocallyConnected(section["filters"], size, stride, pad, name=name)(seen.x)
    x = activated(section, x, name)
    return Map(x, height, width, section["filters"], seen.stride * stride)


def connected(section: Section, seen: Map, name: str, norm: str, epsilon: float) -> Map:
    """A dense layer on all that was seen."""
    normalized = section["batch_normalize"] and normalizes(norm)
    x = layers.Dense(
        section["output"], use_bias=not normalized, kernel_initializer="he_normal", name=name
    )(seen.vector(name))
    if normalized:
        x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    return Map(activated(section, x, name), 1, 1, section["output"], seen.stride)


def maxpool(section: Section, seen: Map, name: str) -> Map:
    """The largest of each window; by default the border is as wide as the windows allow."""
    _demand_map(section, seen)
    stride = section["stride"]
    size = section["size"] or stride
    padding = size - 1 if section["padding"] is None else section["padding"]
    if padding >= 2 * size:
        raise wrong(section, f"of size {size} takes a padding below {2 * size}, not {padding}.")
    height, width = (_count(section, side + padding, size, stride) for side in seen.size[:2])
    if padding == size - 1 and (stride == 1 or size == stride == 2):
        pool: Any = layers.MaxPooling2D(size, stride, padding="same", name=name)
    else:
        pool = BorderedMaxPooling(size, stride, padding, name=name)
    return Map(pool(seen.x), height, width, seen.channels, seen.stride * stride)


def avgpool(section: Section, seen: Map, name: str) -> Map:
    """The mean over the whole map."""
    _demand_map(section, seen)
    x = layers.GlobalAveragePooling2D(keepdims=True, name=name)(seen.x)
    return Map(x, 1, 1, seen.channels, seen.stride * seen.height)


def route(section: Section, given: list[Map], name: str) -> Map:
    """Earlier maps, or a group of the channels of each, side by side."""
    groups, group = section["groups"], section["group_id"]
    if group >= groups:
        raise wrong(section, f"has the groups 0 to {groups - 1}, not {group}.")
    if len({seen.size[:2] for seen in given}) > 1:
        sizes = ", ".join(f"{seen.height}×{seen.width}" for seen in given)
        raise wrong(section, f"joins maps of one size, not of {sizes}.")
    parts = []
    for seen in given:
        _demand_map(section, seen)
        if seen.channels % groups:
            raise wrong(section, f"cannot divide {seen.channels} channels into {groups} groups.")
        share = seen.channels // groups
        whole = groups == 1
        parts.append(seen.x if whole else seen.x[..., group * share : (group + 1) * share])
    x = layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]
    channels = sum(seen.channels for seen in given) // groups
    return dataclasses.replace(given[0], x=x, channels=channels)


def shortcut(section: Section, seen: Map, other: Map, name: str) -> Map:
    """The sum with an earlier map."""
    if seen.size != other.size:
        raise wrong(section, f"adds maps of one size, not of {seen.size} and {other.size}.")
    x = layers.Add(name=name)([seen.x, other.x])
    return dataclasses.replace(seen, x=activated(section, x, name))


def reorg(section: Section, seen: Map, name: str) -> Map:
    """Pixels made channels in Darknet's order."""
    _demand_map(section, seen)
    s = section["stride"]
    if seen.height % s or seen.width % s or seen.channels % s**2:
        raise wrong(section, f"of stride {s} does not divide a map of {seen.size}.")
    x = Reorg(s, name=name)(seen.x)
    return Map(x, seen.height // s, seen.width // s, seen.channels * s**2, seen.stride * s)


def upsample(section: Section, seen: Map, name: str) -> Map:
    """Every cell made several."""
    _demand_map(section, seen)
    s = section["stride"]
    if seen.stride % s:
        raise wrong(section, f"of stride {s} would make cells smaller than a pixel.")
    x = layers.UpSampling2D(s, interpolation="nearest", name=name)(seen.x)
    if section["scale"] != 1:
        x = layers.Rescaling(section["scale"], name=f"{name}_scale")(x)
    return Map(x, seen.height * s, seen.width * s, seen.channels, seen.stride // s)


def activated(section: Section, x: Any, name: str) -> Any:
    """The section's activation of a tensor."""
    kind = section["activation"]
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        hint = nearest(kind, ACTIVATIONS)
        raise wrong(section, f"has no activation {kind!r}{hint} There are {known}.")
    if kind == "linear":
        return x
    if kind == "leaky":
        return layers.LeakyReLU(0.1, name=f"{name}_leaky")(x)
    keras_name = "sigmoid" if kind == "logistic" else kind
    return layers.Activation(keras_name, name=f"{name}_{kind}")(x)


def _demand_map(section: Section, seen: Map) -> None:
    if len(seen.x.shape) != 4:
        raise wrong(section, "cannot follow a connected layer, which gives no map.")


def _count(section: Section, side: int, size: int, stride: int) -> int:
    """Windows on a padded side."""
    if side < size:
        raise wrong(section, f"of size {size} does not fit on a map whose padded side is {side}.")
    return (side - size) // stride + 1
