"""The normalization policy, the argument `norm` of every builder."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras

from zoo.argument_checks import check_choice

NORM_POLICIES = ("batch", "frozen", "group", "sync", "none")


@keras.saving.register_keras_serializable(package="zoo", name="FrozenBatchNormalization")
class BatchNormalization(keras.layers.BatchNormalization):
    """Frozen batch normalization: a fixed affine map, also after `model.trainable = True`.

    It has the variables and the class name of Keras' layer, by which weight files identify layers,
    so that weights trained with one policy load into the other.
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
        """Has no effect, so that the layer stays frozen when a whole model is unfrozen."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


FrozenBatchNormalization = BatchNormalization


@keras.saving.register_keras_serializable(package="zoo")
class GroupNormalization(keras.layers.GroupNormalization):
    """Group normalization (Wu & He, ECCV 2018) for any number of channels.

    Args:
        groups: number of groups; the greatest common divisor with the number of channels is used,
            such as 16 groups of 3 channels for 48 channels.
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
    """Returns the normalization of a policy, a callable on tensors (N, …, C).

    Args:
        policy: `"batch"`; `"frozen"` for batch normalization that neither trains nor uses the
            statistics of the batch; `"group"`; `"sync"` for batch statistics over all replicas;
            `"none"` or None for the identity.
        name: name of the layer.
        momentum: momentum of the moving averages, in [0, 1].
        epsilon: constant added to the variance.
        groups: groups of `"group"`; 1 for tensors (N, C), whose groups could have no variance.

    Raises:
        InputError: if the policy is unknown.
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
    """Returns whether a policy adds a layer; a convolution before one needs no bias."""
    return check_policy(policy) != "none"


def check_policy(policy: str | None) -> str:
    """Returns the policy, `"none"` for None."""
    return check_choice("norm", "none" if policy is None else policy, NORM_POLICIES)


def default_norm(norm: str | None, backbone: str | None) -> str:
    """Returns the policy of a builder whose argument `norm` may be None.

    The default is `"none"` for the networks published without normalization, AlexNet, VGG16 and
    the papers' own (backbone None), and `"batch"` for other backbones.
    """
    return norm or ("none" if backbone in (None, "alexnet", "vgg16") else "batch")


def _identity(x):
    return x
