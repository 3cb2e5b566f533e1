"""The backbones by name: those of the zoo, of `keras.applications` and of KerasCV."""

from __future__ import annotations

import inspect
from typing import Any

from zoo.backbones import keras_applications, keras_cv
from zoo.backbones.aligned_xception import XCEPTION65
from zoo.backbones.backbone import Backbone
from zoo.backbones.darknet import DARKNET19
from zoo.backbones.densenet import DENSENET121
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
_LIBRARIES = {"applications": keras_applications, "keras_cv": keras_cv}


def list_backbones() -> list[str]:
    """Returns the names of all backbones, those of other libraries as `"library:network"`."""
    return [
        *BACKBONES,
        *(
            f"{library}:{network}"
            for library, module in _LIBRARIES.items()
            for network in module.list_networks()
        ),
    ]


def find_backbone(name: str) -> Backbone:
    """Returns the backbone of a name.

    Args:
        name: a name of `list_backbones()`, such as `"resnet50"`, `"applications:EfficientNetV2B0"`
            or `"keras_cv:csp_darknet_s"`.

    Raises:
        InputError: if the name is unknown; the message suggests the nearest one.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    known = list_backbones()
    if name not in known:
        raise InputError(
            f"unknown backbone {name!r}{nearest(str(name), known)} Available: "
            f"{', '.join(BACKBONES)}, and the others of zoo.backbones.list_backbones()."
        )
    library, _, network = name.partition(":")
    return _LIBRARIES[library].backbone(network)


def build_backbone(
    backbone: str, x: Any, /, *, normalize: bool = True, **arguments: Any
) -> dict[int, Any]:
    """Builds a backbone on images and returns {level: map (N, H / 2^level, W / 2^level, C)}.

    Args:
        backbone: a name of `list_backbones()`.
        x: pixels (N, H, W, C) in 0…255, or normalized pixels if `normalize` is False.
        normalize: whether to normalize the pixels as the backbone expects.
        **arguments: `norm`, `output_stride`, `width`, `name` and further arguments of the backbone.

    Raises:
        InputError: if a name or a value is wrong.
    """
    family = find_backbone(backbone)
    try:
        inspect.signature(family.features).bind(x, **arguments)
    except TypeError as error:
        raise InputError(f"backbone {backbone!r}: {error}.") from error
    return family.features(family.normalize(x) if normalize else x, **arguments)
