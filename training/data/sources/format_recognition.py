"""Recognition of the format of a data folder, for messages that name the right reader."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from training.data.sources.csv_boxes.box_tables import BoxTable, read_boxes
from zoo.errors import InputError
from zoo.files.text_files import open_regular

_HEAD = 200_000
_MAX_TABLE = 20_000_000
_MAX_FOLDERS = 500
_FILES_PER_FOLDER = 3
_MAX_FILES = 60


@dataclasses.dataclass(frozen=True)
class Recognized:
    """A format that files of a folder have.

    Attributes:
        name: name of the tool or format, for messages.
        format: key of `FORMATS`; empty for a format that no reader reads.
        remedy: what to do about a format without reader.
    """

    name: str
    format: str = ""
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class _Signature:
    """Patterns that must all be in the beginning of a file with one of some suffixes."""

    found: Recognized
    suffixes: tuple[str, ...]
    patterns: tuple[str, ...]


_JSON = (".json",)
_EXPORT = "export it as COCO or Pascal VOC"


def _keys(*names: str) -> tuple[str, ...]:
    return tuple(rf'"(?:{name})"\s*:' for name in names)


_SIGNATURES = (
    _Signature(
        Recognized("labelme files", "labelme"), _JSON, _keys("shapes", "imagePath|shape_type")
    ),
    _Signature(Recognized("VIA files", "via"), _JSON, _keys("_via_img_metadata")),
    _Signature(Recognized("VIA files", "via"), _JSON, _keys("shape_attributes", "regions")),
    _Signature(Recognized("VIA files", "via"), (".csv",), ("region_shape_attributes",)),
    _Signature(
        Recognized("Supervisely files", "supervisely"), _JSON, _keys("objects", "classTitle")
    ),
    _Signature(Recognized("Cityscapes files", "cityscapes"), _JSON, _keys("imgHeight", "objects")),
    _Signature(
        Recognized("ADE20K files", "ade20k"), _JSON, _keys("annotation", "imsize|scenedescription")
    ),
    _Signature(Recognized("Label Studio files", "label_studio"), _JSON, _keys("original_width")),
    _Signature(
        Recognized("Label Studio files", "label_studio"),
        _JSON,
        _keys("data", "annotations|predictions", "result"),
    ),
    _Signature(
        Recognized("CreateML files", "createml"),
        _JSON,
        (r"\A\s*\[", *_keys("annotations?", "coordinates", "width")),
    ),
    _Signature(
        Recognized("VIA 3 files", remedy="export it as VIA 2 or COCO"),
        _JSON,
        _keys("config", "attribute", "metadata", "file"),
    ),
    _Signature(
        Recognized("VoTT files", remedy=_EXPORT), _JSON, _keys("assets?", "boundingBox|regions")
    ),
    _Signature(Recognized("Datumaro files", remedy=_EXPORT), _JSON, _keys("categories", "items")),
    _Signature(Recognized("Labelbox files", remedy=_EXPORT), _JSON, _keys("data_row", "projects")),
    _Signature(
        Recognized("Darwin files", remedy=_EXPORT), _JSON, _keys("item", "annotations", "slots")
    ),
    _Signature(Recognized("COCO files", "coco"), _JSON, _keys("file_name", "images|annotations")),
    _Signature(Recognized("COCO files", "coco"), _JSON, _keys("annotations", "category_id")),
    _Signature(
        Recognized("Pascal VOC files", "voc"), (".xml",), (r"<annotation[\s>]", r"<(object|size)")
    ),
    _Signature(
        Recognized("CVAT files", remedy="export it as COCO 1.0"),
        (".xml",),
        (r"<annotations[\s>]", r"<(image|track|meta)[\s>]"),
    ),
    _Signature(
        Recognized("YOLO files", "yolo"), (".yaml", ".yml"), (r"(?m)^(train|val)\s*:", "names")
    ),
    _Signature(
        Recognized("YOLO files", "yolo"), (".txt",), (r"\A\s*\d+( [01]?\.?\d+(e-\d+)?){4,}\s",)
    ),
)


def recognize_formats(folder: Path) -> list[Recognized]:
    """Returns the formats that files of a folder and its sub-folders have, most frequent first."""
    found: dict[Recognized, int] = {}
    for path in itertools.islice(_files(folder), _MAX_FILES):
        recognized = _recognize_file(path)
        if recognized is not None:
            found[recognized] = found.get(recognized, 0) + 1
    return sorted(found, key=lambda name: -found[name])


def _recognize_file(path: Path) -> Recognized | None:
    suffix = path.suffix.lower()
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
            size = os.fstat(file.fileno()).st_size
        for signature in _SIGNATURES:
            if suffix in signature.suffixes and all(
                re.search(pattern, head) for pattern in signature.patterns
            ):
                return signature.found
        if suffix == ".csv" and size < _MAX_TABLE and isinstance(read_boxes(path), BoxTable):
            return Recognized("tables of boxes", "csv")
    except (OSError, InputError):
        return None
    return None


def _files(folder: Path) -> Iterator[Path]:
    """Yields a few label files of each folder."""
    suffixes = {suffix for signature in _SIGNATURES for suffix in signature.suffixes}
    walk = itertools.islice(os.walk(folder), _MAX_FOLDERS)
    for parent, folders, names in walk:
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for suffix in sorted(suffixes):
            found = sorted(n for n in names if n.lower().endswith(suffix) and n[0] != ".")
            yield from (Path(parent, name) for name in found[:_FILES_PER_FOLDER])
