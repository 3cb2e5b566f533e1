"""The normalisation policy: one argument, `norm`, with the same values in every builder."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras

from zoo.errors import InputError

NORM_POLICIES = ("batch", "frozen", "group", "sync", "none")


@keras.saving.register_keras_serializable(package="zoo", name="FrozenBatchNormalization")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation that is a fixed affine map: it never trains and never looks at the batch.

    `model.trainable = True` does not thaw it. Its four vectors are those of Keras' layer, and it
    has that layer's class name because weight files find layers by it: weights trained with one
    policy load into the other.
    """

    def build(self, input_shape):
        super().build(input_shape)
        for variable in self.variables:
            variable.trainable = False

    @property
    def trainable(self) -> bool:
        return False

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Accepted and without effect, so that thawing a whole model leaves this layer frozen."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


FrozenBatchNormalization = BatchNormalization


@keras.saving.register_keras_serializable(package="zoo")
class GroupNormalization(keras.layers.GroupNormalization):
    """Group normalisation (Wu & He, ECCV 2018) that fits its groups to the channels.

    The number of groups is the greatest common divisor of `groups` and the channel count, so
    that 48 channels and 32 groups give 16 groups of 3 channels instead of an error.
    """

    def __init__(self, groups: int = 32, **kwargs):
        super().__init__(groups=groups, **kwargs)
        self.max_groups = groups

    def build(self, input_shape):
        self.groups = math.gcd(self.max_groups, input_shape[self.axis])
        super().build(input_shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.max_groups}


def normalization(
    policy: str | None,
    name: str | None = None,
    *,
    momentum: float = 0.9,
    epsilon: float = 1e-3,
    groups: int = 32,
) -> Callable:
    """The normalisation that a policy stands for, as a callable on a (N, …, C) tensor.

    Args:
        policy: "batch"; "frozen" (batch normalisation that neither trains nor uses the batch's
            statistics); "group" (so many groups, or the nearest divisor); "sync" (batch statistics
            over all replicas); "none" or None (the identity).
        name: name of the layer.
        momentum: share of the old moving average kept at each step, 0...1.
        epsilon: added to the variance.
        groups: of "group"; where there is nothing but channels, 1, or none has any variance.

    Raises:
        InputError: for an unknown policy.
    """
    settings = {"momentum": momentum, "epsilon": epsilon, "name": name}
    if check_policy(policy) == "batch":
        return keras.layers.BatchNormalization(**settings)
    if policy == "frozen":
        return FrozenBatchNormalization(**settings)
    if policy == "sync":
        return keras.layers.BatchNormalization(synchronized=True, **settings)
    if policy == "group":
        return GroupNormalization(groups, epsilon=epsilon, name=name)
    return _identity


def normalizes(policy: str | None) -> bool:
    """Whether a policy puts a layer in; a convolution before one needs no bias of its own."""
    return check_policy(policy) != "none"


def check_policy(policy: str | None) -> str:
    """Return the policy with None spelled "none", or raise InputError for an unknown one."""
    policy = "none" if policy is None else policy
    if policy not in NORM_POLICIES:
        raise InputError(f"norm={policy!r} is unknown; use one of {', '.join(NORM_POLICIES)}")
    return policy


def _identity(x):
    return x
