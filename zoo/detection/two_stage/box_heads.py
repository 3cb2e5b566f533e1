"""Second-stage heads: maps of regions in, class logits and box deltas out."""

from __future__ import annotations

import keras
from keras import layers

from zoo.backbones.feature_contract import scaled
from zoo.errors import InputError


def _outputs(x, num_classes: int):
    """The two last layers: K + 1 logits, background first, and four deltas for each."""
    logits = layers.Dense(num_classes + 1, kernel_initializer=_gaussian(0.01), name="logits")(x)
    deltas = layers.Dense(
        4 * (num_classes + 1), kernel_initializer=_gaussian(0.001), name="deltas"
    )(x)
    return [
        layers.Activation("linear", dtype="float32", name="float_logits")(logits),
        layers.Activation("linear", dtype="float32", name="float_deltas")(deltas),
    ]


def dense_head(
    channels: int,
    num_classes: int,
    *,
    size: int = 7,
    units: int = 1024,
    dropout: float = 0.0,
    ranks: tuple[int, ...] = (),
    name: str = "box_head",
) -> keras.Model:
    """Two dense layers on a region's map: of 1024 units on a pyramid, fc6 and fc7 of VGG16.

    With `ranks`, one for each, a layer without bias that has so many units goes before it.
    """
    if ranks and (len(ranks) != 2 or min(ranks) < 1):
        raise InputError(f"svd_ranks are two whole numbers above 0, not {list(ranks)}.")
    region = keras.Input((size, size, channels), name="region")
    x = layers.Flatten(name="flatten")(region)
    for number in (6, 7):
        if ranks:
            x = layers.Dense(ranks[number - 6], use_bias=False, name=f"fc{number}_v")(x)
        x = layers.Dense(units, activation="relu", name=f"fc{number}")(x)
        x = layers.Dropout(dropout, name=f"drop{number}")(x) if dropout else x
    return keras.Model(region, _outputs(x, num_classes), name=name)


def pooled_head(trunk: keras.Model, num_classes: int, name: str = "box_head") -> keras.Model:
    """The mean over what a trunk (ResNet's last stage) makes of a region's map."""
    region = keras.Input(trunk.input_shape[1:], name="region")
    x = layers.GlobalAveragePooling2D(name="pool")(trunk(region))
    return keras.Model(region, _outputs(x, num_classes), name=name)


def mask_head(
    channels: int,
    num_classes: int,
    *,
    size: int = 14,
    filters: int = 256,
    convolutions: int = 4,
    name: str = "mask_head",
) -> keras.Model:
    """A small FCN: 3×3 convolutions, one step up, a mask for each class (2·size a side)."""
    region = keras.Input((size, size, channels), name="region")
    x = _convolutions(region, filters, convolutions)
    return keras.Model(region, mask_outputs(x, num_classes, filters), name=name)


def pooled_mask_head(
    trunk: keras.Model, num_classes: int, *, filters: int = 256, name: str = "mask_head"
) -> keras.Model:
    """A step up from what the trunk makes of a region's map, and a mask for each class."""
    region = keras.Input(trunk.input_shape[1:], name="region")
    return keras.Model(region, mask_outputs(trunk(region), num_classes, filters), name=name)


def _convolutions(x, filters: int, count: int):
    """3×3 convolutions, one behind the other."""
    for number in range(1, count + 1):
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)  # fmt: skip
    return x


def mask_outputs(x, num_classes: int, filters: int):
    """A 2×2 transposed convolution and 1×1 logits of K + 1 masks."""
    x = layers.Conv2DTranspose(
        filters, 2, strides=2, activation="relu", kernel_initializer="he_normal", name="up"
    )(x)
    x = layers.Conv2D(num_classes + 1, 1, name="logits")(x)
    return layers.Activation("linear", dtype="float32", name="float_logits")(x)


def keypoint_head(
    channels: int,
    joints: int,
    *,
    size: int = 14,
    filters: int = 512,
    convolutions: int = 8,
    name: str = "keypoints_head",
) -> keras.Model:
    """3×3 convolutions, a 4×4 transposed one and a bilinear doubling: 4·size a side per joint."""
    region = keras.Input((size, size, channels), name="region")
    x = _convolutions(region, filters, convolutions)
    x = layers.Conv2DTranspose(joints, 4, strides=2, padding="same", name="up")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="double")(x)
    x = layers.Activation("linear", dtype="float32", name="float_logits")(x)
    return keras.Model(region, x, name=name)


def small(units: int, width: float) -> int:
    """Units times a factor, as backbones round their channels."""
    return units if width == 1.0 else scaled(units, width)


def _gaussian(deviation: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=deviation)
