"""The context module and its identity initialisation (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
# Channels of each layer as a multiple of the classes; the last layer is the 1x1 convolution.
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32, 1)}


@keras.saving.register_keras_serializable(package="zoo")
class ContextIdentity(keras.initializers.Initializer):
    """Weights that hand class scores on unchanged, for kernels (k, k, C_in, C_out).

    The centre tap is classes / C_out where floor(a * classes / C_in) = floor(b * classes / C_out)
    for input channel a and output channel b. With C_in = C_out = classes all other weights are 0;
    in wider layers they are drawn from a normal distribution.

    Args:
        classes: channels that enter and leave the module.
        deviation: of the random weights, as a share of classes / C_out.
        seed: of the random weights.

    Raises:
        InputError: for a kernel whose channels are no multiples of `classes`.
    """

    def __init__(self, classes: int, deviation: float = 0.01, seed: int | None = None):
        self.classes = classes
        self.deviation = deviation
        self.seed = seed

    def __call__(self, shape, dtype=None):
        height, width, c_in, c_out = shape
        if c_in % self.classes or c_out % self.classes:
            raise InputError(
                f"identity needs channels that are multiples of {self.classes} classes, "
                f"got {c_in} to {c_out}"
            )
        dtype = dtype or keras.config.floatx()
        gain = self.classes / c_out
        groups = [np.arange(c) * self.classes // c for c in (c_in, c_out)]
        identity = np.zeros(shape)
        identity[height // 2, width // 2] = gain * np.equal.outer(*groups)
        kernel = ops.convert_to_tensor(identity, dtype=dtype)
        if c_in == c_out == self.classes or not self.deviation:
            return kernel
        noise = keras.random.normal(
            shape, stddev=self.deviation * gain, dtype=dtype, seed=self.seed
        )
        return ops.where(kernel > 0, kernel, noise)

    def get_config(self) -> dict[str, Any]:
        return {"classes": self.classes, "deviation": self.deviation, "seed": self.seed}


def context_reach(dilations: Sequence[int] = DILATIONS) -> int:
    """Pixels that the module looks to each side."""
    return sum(dilations)


def context_module(
    x,
    form: str = "basic",
    *,
    dilations: Sequence[int] = DILATIONS,
    norm: str | None = "none",
    deviation: float = 0.01,
    name: str = "context",
):
    """Class scores (N, H, W, C) -> scores of the same shape that have looked around.

    Args:
        form: "basic" (C channels throughout) or "large" (2, 2, 4, 8, 16, 32, 32 times C).
        dilations: of the 3x3 convolutions; "large" has seven of them.
        norm: normalisation behind each convolution but the last; the paper has none, and with one
            the module does not start as the identity.
        deviation: of the random weights in the large form, see `ContextIdentity`.
        name: prefix of the layers' names.

    Raises:
        InputError: for an unknown form, or dilations that do not go with it.
    """
    if form not in WIDTHS:
        raise InputError(f"context form {form!r} is unknown; use one of {', '.join(WIDTHS)}")
    if not dilations or min(dilations) < 1:
        raise InputError(f"dilations are whole numbers of at least 1, got {dilations}")
    if form == "large" and len(dilations) != len(DILATIONS):
        raise InputError(f"the large form has {len(DILATIONS)} dilations, got {len(dilations)}")
    classes = x.shape[-1]
    widths = WIDTHS["large"] if form == "large" else (1,) * (len(dilations) + 1)
    identity = ContextIdentity(classes, deviation)
    # One border of zeros before the first layer, as the authors do, not one before each.
    x = layers.ZeroPadding2D(context_reach(dilations), name=f"{name}_pad")(x)
    for number, (rate, width) in enumerate(zip(dilations, widths, strict=False), start=1):
        x = layers.Conv2D(
            width * classes,
            3,
            dilation_rate=rate,
            kernel_initializer=identity,
            name=f"{name}_conv{number}",
        )(x)
        x = normalization(norm, f"{name}_norm{number}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{number}")(x)
    last = f"{name}_conv{len(dilations) + 1}"
    return layers.Conv2D(widths[-1] * classes, 1, kernel_initializer=identity, name=last)(x)
