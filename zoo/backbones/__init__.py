"""Backbones: one family a file, one contract.

`features(x, *, norm, output_stride, width, name)` takes normalised pixels and returns
{level: map}, level = log2 of the nominal stride. `BACKBONES` lists the families by name, and
`build_backbone` builds one on raw pixels.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras

from zoo.backbones.aligned_xception import XCEPTION65
from zoo.backbones.darknet import DARKNET19
from zoo.backbones.densenet import DENSENET121
from zoo.backbones.feature_contract import Backbone
from zoo.backbones.keras_applications import load_weights
from zoo.backbones.mobilenet import MOBILENET_V2
from zoo.backbones.resnet import RESNET50, RESNET101
from zoo.backbones.vgg import VGG16
from zoo.backbones.xception import XCEPTION
from zoo.errors import InputError, nearest

BACKBONES: dict[str, Backbone] = {
    family.name: family
    for family in (
        VGG16,
        RESNET50,
        RESNET101,
        DENSENET121,
        MOBILENET_V2,
        XCEPTION,
        XCEPTION65,
        DARKNET19,
    )
}

__all__ = ["BACKBONES", "Backbone", "build_backbone", "find_backbone"]


def find_backbone(name: str) -> Backbone:
    """The family of a name, or InputError naming those that there are."""
    if name not in BACKBONES:
        known = ", ".join(BACKBONES)
        hint = nearest(str(name), BACKBONES)
        raise InputError(f"backbone {name!r} is unknown{hint}; there are {known}")
    return BACKBONES[name]


def build_backbone(
    backbone: str, x: Any, /, *, normalize: bool = True, weights: str | None = None, **arguments
) -> dict[int, Any]:
    """Build a backbone on images: {level: map (N, H / 2^level, W / 2^level, C)}.

    Args:
        backbone: one of `BACKBONES`.
        x: pixels (N, H, W, C), 0...255, or already normalised ones with `normalize=False`.
        normalize: scale the pixels as the family expects.
        weights: "imagenet" fetches Keras' weights and copies them in; None starts at random.
        arguments: `norm`, `output_stride`, `width`, `name` and what else the family takes.

    Raises:
        InputError: for an unknown name or argument value, or weights that do not fit.
    """
    family = find_backbone(backbone)
    try:
        inspect.signature(family.features).bind(x, **arguments)
    except TypeError as error:
        raise InputError(f"backbone {backbone}: {error}") from error
    if normalize:
        x = family.normalize(x)
    maps = family.features(x, **arguments)
    if weights is not None:
        prefix = arguments.get("name", backbone)
        load_weights(keras.Model(x, maps), backbone, weights, prefix=prefix)
    return maps
