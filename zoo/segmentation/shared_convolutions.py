"""Small convolutional network whose weights several images share, with separate normalizations."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.layers.normalization_policy import normalization, normalizes


def shared_convolutions(filters: Sequence[int], kernel_size: int, norm: str) -> list[layers.Conv2D]:
    """Returns the convolution layers, one per number of filters."""
    return [
        layers.Conv2D(
            count, kernel_size, padding="same", use_bias=not normalizes(norm), name=f"conv{number}"
        )
        for number, count in enumerate(filters, start=1)
    ]


def apply_convolutions(
    x, convolutions: Sequence[layers.Layer], norm: str, activation: str, name: str
):
    """Applies the layers, each followed by activation, with 2×2 max pooling between them."""
    for number, convolution in enumerate(convolutions, start=1):
        x = convolution(x)
        x = normalization(norm, f"{name}_norm{number}")(x)
        x = layers.Activation(activation, name=f"{name}_act{number}")(x)
        if number < len(convolutions):
            x = layers.MaxPooling2D(2, name=f"{name}_pool{number}")(x)
    return x
