"""One annotation file in Pascal VOC's XML."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from xml.etree import ElementTree

from training.data.sources.reading.json_files import pixels, short
from training.data.sources.reading.xml_files import read_xml
from zoo.errors import InputError
from zoo.files.file_names import shown

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclasses.dataclass(slots=True)
class XmlObject:
    """An `object` element: its name, its coordinates as stated or None, and its flags."""

    name: str
    sides: tuple[float, ...] | None
    difficult: bool
    problem: str = ""


@dataclasses.dataclass(slots=True)
class XmlFile:
    """What an annotation file says; sizes are 0 where it states none."""

    filename: str
    width: int
    height: int
    objects: list[XmlObject]


def read_annotation(path: Path) -> XmlFile:
    """Reads an annotation file.

    Raises:
        InputError: it cannot be read, is not XML of this form, or declares a document type.
    """
    root = read_xml(path)
    if root.tag != "annotation":
        tag = f"<{short(root.tag)}> where <annotation> is expected"
        raise InputError(f"{shown(path)}: {tag}; save it in Pascal VOC's form.")
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
    sound = value is not None and math.isfinite(value) and value > 0
    return pixels(int(value)) if sound and value is not None else 0
