"""Convolution blocks with dilation, plain and separable.

A k×k kernel with dilation rate r covers k + (k−1)(r−1) pixels. Yu & Koltun, *Multi-Scale Context
Aggregation by Dilated Convolutions*, ICLR 2016; Chen et al., *Encoder-Decoder with Atrous
Separable Convolution*, ECCV 2018.
"""

from __future__ import annotations

from keras import layers

from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes


def conv_block(
    x,
    filters: int,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    rate: int = 1,
    norm: str | None = "batch",
    activation: str | None = "relu",
    use_bias: bool | None = None,
    epsilon: float = 1e-3,
    padding: str = "same",
    name: str,
):
    """Applies a convolution, a normalization and an activation.

    Args:
        x: maps (N, H, W, C).
        filters: filters of the convolution.
        kernel_size: side of the kernel.
        stride: stride, in pixels.
        rate: dilation rate; 1 for none.
        norm: normalization policy.
        activation: activation; None for none.
        use_bias: whether the convolution has a bias; None for one only without normalization.
        epsilon: constant added to the variance by the normalization.
        padding: `"same"`, `"valid"`, or `"symmetric"`, with equal padding on both sides also for
            stride 2, which keeps output pixels on the centers of input pixels.
        name: prefix of the layer names.

    Returns:
        Maps (N, H', W', filters).
    """
    _check_rate(stride, rate)
    x, padding = _pad(x, kernel_size, rate, stride, padding, name)
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding=padding,
        dilation_rate=rate,
        use_bias=not normalizes(norm) if use_bias is None else use_bias,
        name=f"{name}_conv",
    )(x)
    x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    return _activate(x, activation, f"{name}_act")


def separable_conv_block(
    x,
    filters: int,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    rate: int = 1,
    norm: str | None = "batch",
    activation: str | None = "relu",
    depthwise_activation: str | None = None,
    epsilon: float = 1e-3,
    padding: str = "same",
    name: str,
):
    """Applies a depthwise and a 1×1 convolution, each with a normalization and an activation.

    `depthwise_activation` follows the depthwise step; the other arguments, the result and the
    errors are those of `conv_block`.
    """
    _check_rate(stride, rate)
    x, padding = _pad(x, kernel_size, rate, stride, padding, name)
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=stride,
        padding=padding,
        dilation_rate=rate,
        use_bias=not normalizes(norm),
        name=f"{name}_depthwise",
    )(x)
    x = normalization(norm, f"{name}_depthwise_norm", epsilon=epsilon)(x)
    x = _activate(x, depthwise_activation, f"{name}_depthwise_act")
    return conv_block(
        x, filters, 1, norm=norm, activation=activation, epsilon=epsilon, name=f"{name}_pointwise"
    )


def _pad(x, kernel_size: int, rate: int, stride: int, padding: str, name: str):
    if padding != "symmetric":
        return x, padding
    if stride == 1:
        return x, "same"
    reach = rate * (kernel_size - 1)
    before = reach // 2
    border = ((before, reach - before), (before, reach - before))
    return layers.ZeroPadding2D(border, name=f"{name}_pad")(x), "valid"


def _activate(x, activation: str | None, name: str):
    return x if activation is None else layers.Activation(activation, name=name)(x)


def _check_rate(stride: int, rate: int) -> None:
    if stride > 1 and rate > 1:
        raise InputError(f"stride or rate must be 1, not {stride} and {rate}.")
