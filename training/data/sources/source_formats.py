"""The formats of data sets by name, and `open_source`, which opens any of them."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from training.data.sources.format_recognition import recognize_formats
from training.data.sources.reading.options import read_flag
from training.data.sources.source import Source
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown

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
    "labelme": "labelme.labelme_source:LabelmeFolder",
    "via": "via.via_source:ViaFolder",
    "createml": "createml.createml_source:CreateMlFolder",
    "label_studio": "label_studio.label_studio_source:LabelStudioFolder",
    "supervisely": "supervisely.supervisely_source:SuperviselyFolder",
    "cityscapes": "cityscapes.cityscapes_source:CityscapesFolder",
    "ade20k": "ade20k.ade20k_source:Ade20kFolder",
    "csv": "csv_boxes.csv_source:CsvFolder",
}
"""`MODULE:NAME` of each format, a class or function from WHERE and options to a `Source`."""

_OUTLINED = ("coco", "voc", "yolo", "labelme", "via", "label_studio", "supervisely")
"""Formats whose objects may have outlines; `semantic=1` draws class maps from them."""

_UNRECOGNIZED = ("shapes", "tfds", "joint")
_TABLES = ("keypoints", "classes", "regions")
"""Formats with tables of their own, which may hold boxes too."""


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
        _check_format(address)
        raise InputError(
            f"unknown data format {name!r}{nearest(name, FORMATS)} "
            f"DATA is FORMAT[:WHERE]. Available: {', '.join(sorted(FORMATS))}."
        )
    # A plus sign means itself: in patterns, in names such as C++.
    options = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    available = format_options(name)
    semantic = name in _OUTLINED and read_flag("semantic", options.pop("semantic", ""))
    for option in options:
        if option not in available:
            raise InputError(
                f"{spec}: {name} has no option {option!r}{nearest(option, available)} "
                f"Available: {', '.join(available)}."
            )
    try:
        source = _opener(name)(where, **options)
    except InputError as error:
        # A wrong option is the user's problem even if the folder fits another reader better.
        if not any(str(error).startswith(option) for option in options):
            _check_format(where, name)
        raise
    if not any(source.sizes.values()):
        _check_format(where, name)
    unnoted = not any("no train" in note for note in source.notes)
    if source.sizes and "train" not in source.sizes and unnoted:
        names = ", ".join(source.sizes)
        source.notes.append(f"no split train, which training needs: only {names}.")
    source.spec = spec
    if semantic:
        source.provide(("segmentation",))
        if "segmentation" not in source.keys:
            raise InputError(f"{spec}: semantic=1 needs outlines, but the objects have only boxes.")
    return source


def _check_format(where: str, name: str = "") -> None:
    """Raises InputError if a folder has files of other formats, but not of the one named."""
    if not where or not os.path.isdir(where) or name in _UNRECOGNIZED:
        return
    found = recognize_formats(Path(where))
    if name in _TABLES:
        found = [other for other in found if other.format != "csv"]
    if not found or any(other.format == name for other in found):
        return
    other, folder = found[0], shown(where)
    if other.format in FORMATS:
        raise InputError(f"{folder}: {other.name}; use {other.format}:{folder}.")
    if other.remedy:
        raise InputError(f"{folder}: {other.name}, which no reader reads; {other.remedy}.")


def format_options(name: str) -> list[str]:
    """Returns the names of the options of a format."""
    options = list(inspect.signature(_opener(name)).parameters)[1:]
    return [*options, "semantic"] if name in _OUTLINED else options


def _opener(name: str) -> Callable[..., Source]:
    """Imports the class or function of a format; most formats never load TFDS or SciPy."""
    module, _, attribute = FORMATS[name].partition(":")
    return getattr(importlib.import_module(f"{_PACKAGE}.{module}"), attribute)
