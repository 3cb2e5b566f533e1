"""Dense blocks and their transitions.

Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017; Jegou et al., *The One Hundred
Layers Tiramisu*, CVPRW 2017.
"""

from __future__ import annotations

from keras import layers

from zoo.layers.normalization_policy import normalization
from zoo.layers.padding import CropLike
from zoo.layers.transposed_conv import TransposedConv2D


def dense_layer(
    x,
    growth: int,
    *,
    bottleneck: int = 0,
    rate: int = 1,
    norm: str | None = "batch",
    dropout: float = 0.0,
    use_bias: bool = True,
    epsilon: float = 1e-3,
    kernel_initializer="he_uniform",
    name: str,
):
    """Returns the new maps (N, H, W, growth) of one layer of a dense block.

    Normalization, ReLU, 3×3 convolution and dropout; with `bottleneck` above 0 before them
    normalization, ReLU and a 1×1 convolution of bottleneck·growth filters.
    """
    style = {"use_bias": use_bias, "kernel_initializer": kernel_initializer}
    if bottleneck:
        x = _norm_relu(x, norm, epsilon, f"{name}_0")
        x = layers.Conv2D(bottleneck * growth, 1, name=f"{name}_1_conv", **style)(x)
    x = _norm_relu(x, norm, epsilon, f"{name}_1")
    x = layers.Conv2D(
        growth, 3, padding="same", dilation_rate=rate, name=f"{name}_2_conv", **style
    )(x)
    return layers.Dropout(dropout, name=f"{name}_drop")(x) if dropout else x


def dense_block(x, depth: int, growth: int, *, name: str, **style):
    """Applies dense layers, each to the concatenation of the input and the maps before it.

    Args:
        x: maps (N, H, W, C).
        depth: number of layers.
        growth: growth rate, filters per layer.
        name: prefix of the layer names.
        **style: further arguments of `dense_layer`.

    Returns:
        The input and the new maps (N, H, W, C + depth·growth), and the new maps alone
        (N, H, W, depth·growth).
    """
    maps = []
    for index in range(1, depth + 1):
        new = dense_layer(x, growth, name=f"{name}_block{index}", **style)
        maps.append(new)
        x = layers.Concatenate(name=f"{name}_block{index}_concat")([x, new])
    new = maps[0] if depth == 1 else layers.Concatenate(name=f"{name}_new")(maps)
    return x, new


def transition_down(
    x,
    *,
    norm: str | None = "batch",
    dropout: float = 0.0,
    epsilon: float = 1e-3,
    name: str,
):
    """Applies FC-DenseNet's TD: normalization, ReLU, 1×1 convolution, dropout, 2×2 max pooling."""
    x = _norm_relu(x, norm, epsilon, name)
    x = layers.Conv2D(x.shape[-1], 1, kernel_initializer="he_uniform", name=f"{name}_conv")(x)
    x = layers.Dropout(dropout, name=f"{name}_drop")(x) if dropout else x
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def transition_up(new, skip, filters: int, *, name: str):
    """Applies FC-DenseNet's TU: a 3×3 transposed convolution of stride 2, concatenated to a skip.

    Args:
        new: new maps of the preceding block (N, h, w, C).
        skip: skip connection (N, H, W, D), of at most twice the height and width plus one.
        filters: filters of the transposed convolution.
        name: prefix of the layer names.

    Returns:
        Maps (N, H, W, filters + D), upsampled ones first.
    """
    x = TransposedConv2D(
        filters, 3, 2, padding=0, kernel_initializer="he_uniform", name=f"{name}_up"
    )(new)
    x = CropLike("center", name=f"{name}_crop")([x, skip])
    return layers.Concatenate(name=f"{name}_concat")([x, skip])


def _norm_relu(x, norm: str | None, epsilon: float, name: str):
    x = normalization(norm, f"{name}_norm", epsilon=epsilon)(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)
