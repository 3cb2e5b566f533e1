"""VGG16 (Simonyan & Zisserman, *Very Deep Convolutional Networks*, ICLR 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from zoo.backbones.backbone import (
    Backbone,
    Strides,
    check_blocks,
    check_output_stride,
    conv_norm,
    normalize_to_caffe,
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
    """Returns the maps of level 0 (conv1_2) to 4 (conv5_3), and 5 (pool5).

    Args:
        norm: normalization policy behind every convolution; the paper has none.
        output_stride: 8, 16 or 32; with 16 there is no pool5, with 8 no pool4 either and conv5 has
            a dilation rate of 2.
        blocks: convolutions per stage, five numbers.
        use_bias: whether the convolutions have biases, also before a normalization.
    """
    strides = Strides(check_output_stride(output_stride))
    maps = {}
    for stage, depth in enumerate(check_blocks(blocks, 5)):
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
            )
        maps[stage] = x
        stride, _ = strides.next(2)
        if stride == 2:
            x = layers.MaxPooling2D(2, name=f"{name}_block{stage + 1}_pool")(x)
    maps[5] = x
    return maps


def top(
    maps, num_classes: int = 1000, *, width: float = 1.0, dropout: float = 0.5, name: str = "vgg16"
):
    """Returns class logits (N, num_classes) of images of a fixed size, through fc1 and fc2."""
    x = maps[max(maps)]
    if None in x.shape[1:3]:
        raise InputError("input_shape must have a fixed size, such as (224, 224, 3), not None.")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    for index in (1, 2):
        x = layers.Dense(scaled(4096, width), activation="relu", name=f"{name}_fc{index}")(x)
        x = layers.Dropout(dropout, name=f"{name}_drop{index}")(x)
    return layers.Dense(num_classes, name=f"{name}_predictions")(x)


VGG16 = Backbone(
    "vgg16",
    features,
    normalize_to_caffe,
    top,
    levels=(0, 1, 2, 3, 4, 5),
    tiny={"width": 0.125, "blocks": (1, 1, 1, 1, 1)},
)
