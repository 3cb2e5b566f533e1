"""One XML file in Pascal VOC's format: elements and text only, without entities."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from training.data.sources.reading.json_files import as_pixels, short
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import read_bytes

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclasses.dataclass(slots=True)
class XmlObject:
    """An `object` element: its box as stored, or None and the problem that makes it invalid."""

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
    """Reads an XML file in VOC's format."""
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


def read_xml(path: Path) -> ElementTree.Element:
    """Returns the root element of an XML file.

    A document type declaration is refused: it could declare entity bombs and external entities.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*declaration: object) -> None:
        raise InputError(f"{shown(path)}: <!DOCTYPE …> is not allowed; remove the declaration.")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(read_bytes(path), True)
        return builder.close()
    except InputError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"{shown(path)}: not XML ({shown(str(error))}); save it again.") from error


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
