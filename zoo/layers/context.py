"""The context module and its identity initialization (Yu & Koltun, ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
# Channels of each layer as a multiple of the classes; the last layer is the 1x1 convolution.
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32, 1)}


@keras.saving.register_keras_serializable(package="zoo")
class ContextIdentity(keras.initializers.Initializer):
    """Weights of the identity on class scores, for kernels (k, k, C_in, C_out).

    The center weight is classes / C_out where ⌊a·classes / C_in⌋ = ⌊b·classes / C_out⌋ for input
    channel a and output channel b. With C_in = C_out = classes all other weights are 0;
    in wider layers they are drawn from a normal distribution.

    Args:
        classes: input and output channels of the module.
        deviation: standard deviation of the random weights, as a fraction of classes / C_out.
        seed: seed of the random weights.
    """

    def __init__(self, classes: int, deviation: float = 0.01, seed: int | None = None):
        self.classes = classes
        self.deviation = deviation
        self.seed = seed

    def __call__(self, shape, dtype=None):
        height, width, c_in, c_out = shape
        if c_in % self.classes or c_out % self.classes:
            raise InputError(
                f"channels must be multiples of the {self.classes} classes, not {c_in} and {c_out}."
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
    """Returns the distance in pixels from the center to the edge of the receptive field."""
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
    """Refines class scores (N, H, W, C) by dilated convolutions, the last of which is 1×1.

    `"basic"` has C channels throughout, `"large"` 2, 2, 4, 8, 16, 32 and 32 times C, with seven
    dilation rates. The paper has no normalization, and with one the module does not start as the
    identity; `deviation` is that of `ContextIdentity`.
    """
    check_choice("form", form, WIDTHS)
    if not dilations or min(dilations) < 1:
        raise InputError(f"dilations must be numbers of at least 1, not {dilations!r}.")
    if form == "large" and len(dilations) != len(DILATIONS):
        raise InputError(f"dilations must be {len(DILATIONS)} numbers, not {dilations!r}.")
    classes = x.shape[-1]
    widths = WIDTHS["large"] if form == "large" else (1,) * (len(dilations) + 1)
    identity = ContextIdentity(classes, deviation)
    # One zero padding before the first layer, as in the authors' code, not one per layer.
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
