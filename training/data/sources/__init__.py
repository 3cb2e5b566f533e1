"""Data sets: whatever layout the labels have, they come out as the one sample schema.

`open_source("FORMAT[:WHERE][?option=value&…]")` opens any of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from urllib.parse import parse_qsl

from training.data.sources.classes.class_source import ClassFolder
from training.data.sources.coco.coco_source import CocoFolder
from training.data.sources.file_source import FileSource
from training.data.sources.joint.joint_source import JointSource, open_joint
from training.data.sources.keypoints.keypoint_source import KeypointFolder
from training.data.sources.maps.instance_source import InstanceFolder
from training.data.sources.maps.mask_source import MaskFolder
from training.data.sources.regions.region_source import RegionFolder
from training.data.sources.source import Record, Sample, Source
from training.data.sources.tfds.tfds_source import TfdsSource, open_shapes
from training.data.sources.voc.voc_maps import open_voc
from training.data.sources.yolo.yolo_source import YoloFolder
from zoo.errors import InputError, nearest

FORMATS: dict[str, Callable[..., Source]] = {
    "shapes": open_shapes,
    "tfds": TfdsSource,
    "masks": MaskFolder,
    "instances": InstanceFolder,
    "coco": CocoFolder,
    "voc": open_voc,
    "regions": RegionFolder,
    "keypoints": KeypointFolder,
    "classes": ClassFolder,
    "yolo": YoloFolder,
    "joint": open_joint,
}


def open_source(spec: str) -> Source:
    """Opens a data set.

    Args:
        spec: `FORMAT[:WHERE][?option=value&…]`, such as `shapes`, `tfds:zoo_shapes/single`,
            `masks:my/folder?void=11&classes=sky,road`, `instances:my/folder`.

    Raises:
        InputError: unknown format or option, or a folder whose layout is not recognised.
    """
    address, _, query = spec.partition("?")
    form, _, where = address.partition(":")
    if form not in FORMATS:
        raise InputError(
            f"Unknown data format {form!r}{nearest(form, FORMATS)} "
            f"DATA is FORMAT[:WHERE] with a format of {', '.join(sorted(FORMATS))}."
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    known = list(inspect.signature(FORMATS[form]).parameters)[1:]
    for option in options:
        if option not in known:
            raise InputError(
                f"{spec}: {form} has no option {option!r}{nearest(option, known)} "
                f"It has: {', '.join(known)}."
            )
    source = FORMATS[form](where, **options)
    source.spec = spec
    return source


__all__ = [
    "FORMATS",
    "FileSource",
    "InstanceFolder",
    "JointSource",
    "MaskFolder",
    "Record",
    "Sample",
    "Source",
    "open_source",
]
