"""The formats of data sets by name, and `open_source`, which opens any of them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from urllib.parse import parse_qsl

from training.data.sources.source import Source
from zoo.errors import InputError, nearest

_PACKAGE = "training.data.sources"
FORMATS = {
    "shapes": "tfds.tfds_source:open_shapes",
    "tfds": "tfds.tfds_source:TfdsSource",
    "masks": "maps.mask_source:MaskFolder",
    "instances": "maps.instance_source:InstanceFolder",
    "coco": "coco.coco_source:CocoFolder",
    "voc": "voc.voc_maps:open_voc",
    "regions": "regions.region_source:RegionFolder",
    "keypoints": "keypoints.keypoint_source:KeypointFolder",
    "classes": "classes.class_source:ClassFolder",
    "yolo": "yolo.yolo_source:YoloFolder",
    "joint": "joint.joint_source:open_joint",
}
"""`MODULE:NAME` of each format, a class or function from WHERE and options to a `Source`."""


def open_source(spec: str) -> Source:
    """Opens a data set.

    Args:
        spec: `FORMAT[:WHERE][?option=value&…]`, such as `shapes`, `tfds:zoo_shapes/single`,
            `masks:my/folder?void=11&classes=sky,road`, `instances:my/folder`.

    Raises:
        InputError: if the format or an option is unknown, or the folder's layout not recognized.
    """
    address, _, query = spec.partition("?")
    name, _, where = address.partition(":")
    if name not in FORMATS:
        raise InputError(
            f"unknown data format {name!r}{nearest(name, FORMATS)} "
            f"DATA is FORMAT[:WHERE]. Available: {', '.join(sorted(FORMATS))}."
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    available = format_options(name)
    for option in options:
        if option not in available:
            raise InputError(
                f"{spec}: {name} has no option {option!r}{nearest(option, available)} "
                f"Available: {', '.join(available)}."
            )
    source = _opener(name)(where, **options)
    source.spec = spec
    return source


def format_options(name: str) -> list[str]:
    """Returns the names of the options of a format."""
    return list(inspect.signature(_opener(name)).parameters)[1:]


def _opener(name: str) -> Callable[..., Source]:
    """Imports the class or function of a format; most formats never load TFDS or SciPy."""
    module, _, attribute = FORMATS[name].partition(":")
    return getattr(importlib.import_module(f"{_PACKAGE}.{module}"), attribute)
