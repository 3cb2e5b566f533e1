"""What the families share: scaling, strides that become rates, and their entry in the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import layers

from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization

OUTPUT_STRIDES = (8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A family's entry in `zoo.backbones.BACKBONES`.

    Attributes:
        name: of the backbone.
        features: `features(x, *, norm, output_stride, width, name, ...)` on normalised pixels ->
            {level: map}, level = log2 of the nominal stride.
        normalize: RGB pixels 0...255 -> what `features` takes.
        top: `top(maps, num_classes, *, width, name)` -> class logits (N, num_classes).
        channels: {level: channels} at width 1.
        tiny: arguments of `features` that make it cheap.
        output_strides: the values that `features` takes.
    """

    name: str
    features: Callable[..., dict[int, Any]]
    normalize: Callable[..., Any]
    top: Callable[..., Any]
    channels: Mapping[int, int]
    tiny: Mapping[str, Any]
    output_strides: tuple[int, ...] = OUTPUT_STRIDES

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(sorted(self.channels))


def scaled(channels: int, width: float) -> int:
    """Channels times width, to the nearest multiple of 8, at least 8 and not under nine tenths."""
    if width <= 0:
        raise InputError(f"width must be above 0, got {width}")
    wanted = channels * width
    whole = max(8, int(wanted + 4) // 8 * 8)
    return whole + 8 if whole < 0.9 * wanted else whole


def check_output_stride(output_stride: int, family: str) -> int:
    """Return the output stride, or raise InputError naming those that there are."""
    if output_stride not in OUTPUT_STRIDES:
        known = ", ".join(map(str, OUTPUT_STRIDES))
        raise InputError(f"{family} has no output_stride {output_stride}; use one of {known}")
    return output_stride


def check_blocks(blocks: Sequence[int], stages: int, family: str) -> tuple[int, ...]:
    """Return the blocks per stage as a tuple, or raise InputError."""
    blocks = tuple(blocks)
    if len(blocks) != stages or min(blocks) < 1:
        raise InputError(f"{family} has {stages} stages of at least one block, got blocks={blocks}")
    return blocks


class Strides:
    """Turns the strides beyond an output stride into rates.

    >>> strides = Strides(16)
    >>> [strides.next(2) for _ in range(5)]
    [(2, 1), (2, 1), (2, 1), (2, 1), (1, 1)]
    >>> strides.rate
    2
    """

    def __init__(self, output_stride: int):
        self.limit = output_stride
        self.stride = 1
        self.rate = 1

    def next(self, stride: int) -> tuple[int, int]:
        """Stride to use for a layer of a nominal stride, and the rate in force before it."""
        before = self.rate
        if self.stride * stride <= self.limit:
            self.stride *= stride
            return stride, before
        self.rate *= stride
        return 1, before


def conv_norm(
    x,
    filters: int,
    kernel_size: int,
    *,
    stride: int = 1,
    rate: int = 1,
    padding: str = "same",
    norm: str | None = "batch",
    epsilon: float = 1e-3,
    use_bias: bool | None = None,
    activation: str | None = None,
    conv_name: str,
    norm_name: str,
):
    """Convolution, normalisation and maybe an activation, with the published layer names."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        dilation_rate=rate,
        padding=padding,
        use_bias=not normalizes(norm) if use_bias is None else use_bias,
        kernel_initializer="he_normal",
        name=conv_name,
    )(x)
    x = normalization(norm, norm_name, epsilon=epsilon)(x)
    return layers.Activation(activation, name=f"{conv_name}_act")(x) if activation else x


def pooled_logits(x, num_classes: int, name: str):
    """Mean over the map and one dense layer: (N, H, W, C) -> logits (N, num_classes)."""
    x = layers.GlobalAveragePooling2D(name=f"{name}_avg_pool")(x)
    return layers.Dense(num_classes, name=f"{name}_predictions")(x)


def normalize_pixels(x, mean, deviation, order: str = "rgb"):
    """RGB pixels by a family's statistics; any other number of channels goes to -1...1."""
    if x.shape[-1] != 3:
        return normalize_to_unit(x)
    return PixelNormalization(mean, deviation, order, name="normalize")(x)


def normalize_to_unit(x):
    """Pixels 0...255 of any number of channels -> -1...1."""
    return PixelNormalization(127.5, 127.5, name="normalize")(x)
