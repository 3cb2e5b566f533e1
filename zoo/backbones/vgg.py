"""VGG16 (Simonyan & Zisserman, *Very Deep Convolutional Networks*, ICLR 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.feature_contract import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_pixels,
    scaled,
)
from zoo.errors import InputError

FILTERS = (64, 128, 256, 512, 512)


def features(
    x,
    *,
    norm: str | None = "none",
    output_stride: int = 32,
    width: float = 1.0,
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    use_bias: bool = True,
    name: str = "vgg16",
) -> dict[int, object]:
    """The thirteen convolutions; levels 0: conv1_2 ... 4: conv5_3, 5: pool5.

    Args:
        x: normalised pixels (N, H, W, C).
        norm: policy behind every convolution; the paper has none.
        output_stride: 16 drops pool5; 8 drops pool4 too and gives conv5 a rate of 2.
        width: factor on the channels.
        blocks: convolutions per stage, five numbers.
        use_bias: biases in the convolutions, also before a normalisation.
    """
    strides = Strides(check_output_stride(output_stride, "vgg16"))
    maps = {}
    for stage, depth in enumerate(check_blocks(blocks, 5, "vgg16")):
        for index in range(1, depth + 1):
            layer = f"{name}_block{stage + 1}_conv{index}"
            x = conv_norm(
                x,
                scaled(FILTERS[stage], width),
                3,
                rate=strides.rate,
                norm=norm,
                use_bias=use_bias,
                activation="relu",
                conv_name=layer,
                norm_name=f"{layer}_norm",
            )
        maps[stage] = x
        stride, _ = strides.next(2)
        if stride == 2:
            x = layers.MaxPooling2D(2, name=f"{name}_block{stage + 1}_pool")(x)
    maps[5] = x
    return maps


def normalize(x):
    """RGB 0...255 -> BGR minus the ImageNet mean, as the published weights expect."""
    return normalize_pixels(x, [103.939, 116.779, 123.68], 1.0, "bgr")


def top(
    maps,
    num_classes: int = 1000,
    *,
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "vgg16",
):
    """fc1, fc2 and the class logits; the images must have one fixed size (224 x 224).

    Raises:
        InputError: if the size is not known.
    """
    x = maps[max(maps)]
    if None in x.shape[1:3]:
        raise InputError("VGG16's dense layers need a fixed image size; use (224, 224, 3)")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    for index in (1, 2):
        x = layers.Dense(scaled(4096, width), activation="relu", name=f"{name}_fc{index}")(x)
        x = layers.Dropout(dropout, name=f"{name}_drop{index}")(x)
    return layers.Dense(num_classes, name=f"{name}_predictions")(x)


VGG16 = Backbone(
    "vgg16",
    features,
    normalize,
    top,
    channels={0: 64, 1: 128, 2: 256, 3: 512, 4: 512, 5: 512},
    tiny={"width": 0.125, "blocks": (1, 1, 1, 1, 1)},
)
