"""Heads of the box branch: from pooled maps of RoIs to class logits and box deltas."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import initializers, layers

from zoo.errors import InputError


def dense_head(
    channels: int,
    num_classes: int,
    *,
    size: int = 7,
    hidden_units: int = 1024,
    dropout: float = 0.0,
    ranks: Sequence[int] | None = None,
) -> keras.Model:
    """Builds a head of two dense layers, fc6 and fc7 of VGG16, on (N, size, size, channels).

    `ranks` splits each of them in two, see `zoo.detection.two_stage.svd`. The outputs are logits
    (N, K + 1) and deltas (N, 4·(K + 1)).
    """
    if ranks is not None and (len(ranks) != 2 or min(ranks) < 1):
        raise InputError(f"svd_ranks must be two whole numbers above 0, not {list(ranks)}.")
    region = keras.Input((size, size, channels), name="region")
    x = layers.Flatten(name="flatten")(region)
    for index, name in enumerate(("fc6", "fc7")):
        if ranks is not None:
            x = layers.Dense(ranks[index], use_bias=False, name=f"{name}_v")(x)
        x = layers.Dense(hidden_units, activation="relu", name=name)(x)
        x = layers.Dropout(dropout, name=f"drop{name[2:]}")(x) if dropout else x
    return keras.Model(region, _outputs(x, num_classes), name="box_head")


def trunk_head(trunk: keras.Model, num_classes: int) -> keras.Model:
    """Builds a head that averages the output of a trunk, ResNet's last stage in the C4 form."""
    region = keras.Input(trunk.input_shape[1:], name="region")
    x = layers.GlobalAveragePooling2D(name="pool")(trunk(region))
    return keras.Model(region, _outputs(x, num_classes), name="box_head")


def _outputs(x, num_classes: int):
    """K + 1 logits, background first, and four deltas for each."""
    wide, narrow = (initializers.RandomNormal(stddev=deviation) for deviation in (0.01, 0.001))
    logits = layers.Dense(num_classes + 1, kernel_initializer=wide, name="logits")(x)
    deltas = layers.Dense(4 * (num_classes + 1), kernel_initializer=narrow, name="deltas")(x)
    return [
        layers.Activation("linear", dtype="float32", name="float_logits")(logits),
        layers.Activation("linear", dtype="float32", name="float_deltas")(deltas),
    ]
