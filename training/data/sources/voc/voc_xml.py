"""One XML file in Pascal VOC's format."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from xml.etree import ElementTree

from training.data.sources.reading.json_files import as_pixels, short
from training.data.sources.reading.xml_files import read_xml
from zoo.errors import InputError
from zoo.files.file_names import shown

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclasses.dataclass(slots=True)
class XmlObject:
    """An `object` element.

    Attributes:
        name: class name; empty if missing.
        box: xmin, ymin, xmax, ymax as stored; None if invalid.
        difficult: value of `<difficult>`.
        problem: why the box is invalid.
    """

    name: str
    box: tuple[float, ...] | None
    difficult: bool
    problem: str = ""


@dataclasses.dataclass(slots=True)
class XmlFile:
    """Content of an XML file; width and height are 0 if not stated."""

    filename: str
    width: int
    height: int
    objects: list[XmlObject]


def read_annotation(path: Path) -> XmlFile:
    """Reads an XML file.

    Raises:
        InputError: if it cannot be read, is not in VOC's format, or declares a document type.
    """
    root = read_xml(path)
    if root.tag != "annotation":
        tag = f"the root must be <annotation>, not <{short(root.tag)}>"
        raise InputError(f"{shown(path)}: {tag}; save it in Pascal VOC's format.")
    return XmlFile(
        (root.findtext("filename") or "").strip(),
        _pixels(root.findtext("size/width")),
        _pixels(root.findtext("size/height")),
        [_object(element) for element in root.findall("object")],
    )


def _object(element: ElementTree.Element) -> XmlObject:
    name = shown((element.findtext("name") or "").strip())
    difficult = (element.findtext("difficult") or "").strip().lower() in ("1", "true")
    box = element.find("bndbox")
    if box is None:
        return XmlObject(name, None, difficult, "no <bndbox>")
    texts = [box.findtext(side) for side in _SIDES]
    sides = tuple(_number(text) for text in texts)
    for side, text, value in zip(_SIDES, texts, sides, strict=True):
        if value is None:
            return XmlObject(name, None, difficult, f"<{side}> is {short(text or 'missing')}")
    return XmlObject(name, tuple(value for value in sides if value is not None), difficult)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _pixels(text: str | None) -> int:
    value = _number(text)
    valid = value is not None and math.isfinite(value) and value > 0
    return as_pixels(int(value)) if valid and value is not None else 0
