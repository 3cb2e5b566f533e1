"""The contract of the backbones, and the parts that their families share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import layers

from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A classification network without its classifier.

    `features(x, *, norm, output_stride, width, name, ...)` takes normalized pixels `x`
    (N, H, W, C), a normalization policy `norm`, an `output_stride` of 8, 16 or 32, beyond which
    strides become dilation rates, a `width` multiplier and the prefix `name` of the layer names. It
    returns {level: map}; the level is log2 of the nominal stride.

    Attributes:
        name: name that `zoo.backbones.find_backbone` takes.
        features: function from normalized pixels to {level: map}.
        normalize: normalization of RGB pixels 0…255 for `features`.
        top: `top(maps, num_classes, *, width, name)`, returning class logits (N, num_classes).
        tiny: arguments of `features` for a small network of the same form.
        levels: levels of the maps.
    """

    name: str
    features: Callable[..., dict[int, Any]]
    normalize: Callable[..., Any]
    top: Callable[..., Any]
    tiny: Mapping[str, Any]
    levels: tuple[int, ...] = (1, 2, 3, 4, 5)


def scaled(channels: int, width: float) -> int:
    """Returns channels times width, rounded to a multiple of 8 that is not below nine tenths."""
    if width <= 0:
        raise InputError(f"width must be above 0, not {width!r}.")
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def check_output_stride(output_stride: int) -> int:
    """Returns the output stride, if it is 8, 16 or 32."""
    if output_stride not in (8, 16, 32):
        raise InputError(f"output_stride must be 8, 16 or 32, not {output_stride!r}.")
    return output_stride


def check_blocks(blocks: Sequence[int], stages: int) -> tuple[int, ...]:
    """Returns the blocks per stage as a tuple, if they are one positive number per stage."""
    blocks = tuple(blocks)
    if len(blocks) != stages or min(blocks) < 1:
        raise InputError(f"blocks must be {stages} numbers of at least 1, not {blocks!r}.")
    return blocks


class Strides:
    """Turns the strides beyond an output stride into dilation rates.

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
        """Returns the stride of a layer with a nominal stride, and the rate of the map before."""
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
    norm_name: str | None = None,
):
    """Applies a convolution, a normalization and optionally an activation.

    The layers have the names of the published weights; None for `norm_name` adds `_norm` to
    `conv_name`.
    """
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
    x = normalization(norm, norm_name or f"{conv_name}_norm", epsilon=epsilon)(x)
    return layers.Activation(activation, name=f"{conv_name}_act")(x) if activation else x


def pooled_logits(x, num_classes: int, name: str):
    """Returns class logits (N, num_classes) from the mean of a map (N, H, W, C)."""
    x = layers.GlobalAveragePooling2D(name=f"{name}_avg_pool")(x)
    return layers.Dense(num_classes, name=f"{name}_predictions")(x)


def pooled_top(backbone: str) -> Callable[..., Any]:
    """Returns the `top` of a backbone that classifies the mean of its last map."""

    def top(maps, num_classes: int = 1000, *, width: float = 1.0, name: str = backbone):
        return pooled_logits(maps[max(maps)], num_classes, name.replace(":", "_"))

    return top


def normalize_pixels(x, mean, deviation, order: str = "rgb"):
    """Normalizes RGB pixels by a mean and a deviation; other images are scaled to -1…1."""
    if x.shape[-1] != 3:
        return normalize_to_unit(x)
    return PixelNormalization(mean, deviation, order, name="normalize")(x)


def normalize_to_unit(x):
    """Scales pixels 0…255 to -1…1."""
    return PixelNormalization(127.5, 127.5, name="normalize")(x)


def normalize_to_fraction(x):
    """Scales RGB pixels 0…255 to 0…1; other images are scaled to -1…1."""
    return normalize_pixels(x, 0.0, 255.0)


def normalize_to_caffe(x):
    """Turns RGB pixels 0…255 into BGR minus the mean of ImageNet, as in Caffe's weights."""
    return normalize_pixels(x, [103.939, 116.779, 123.68], 1.0, "bgr")


def normalize_to_imagenet(x):
    """Subtracts the mean of ImageNet from RGB pixels 0…255 and divides by its deviation."""
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return normalize_pixels(x, [255 * m for m in mean], [255 * d for d in deviation])
