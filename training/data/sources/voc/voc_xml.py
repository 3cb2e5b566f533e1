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
    """An `object` element.

    Attributes:
        name: class name; empty if missing.
        box: xmin, ymin, xmax, ymax as stored, or around the polygon without a `bndbox`; None if
            it is missing or invalid.
        difficult: whether it is marked difficult.
        problem: what makes the box invalid; empty if it is valid.
        polygon: x, y, x, y, … of its outline; empty without one.
        computed: whether the box is that of the polygon.
    """

    name: str
    box: tuple[float, ...] | None
    difficult: bool
    problem: str = ""
    polygon: tuple[float, ...] = ()
    computed: bool = False


@dataclasses.dataclass(slots=True)
class XmlFile:
    """Content of an XML file; width and height are 0 if not stated.

    `names` are the names and paths of its image, which may be those of another machine.
    """

    names: list[str]
    width: int
    height: int
    objects: list[XmlObject]


def read_annotation(path: Path) -> XmlFile:
    """Reads an XML file in VOC's format."""
    root = read_xml(path)
    if root.tag != "annotation":
        tag = f"the root must be <annotation>, not <{short(root.tag)}>"
        raise InputError(f"{shown(path)}: {tag}; export it in Pascal VOC's format.")
    name, place = ((root.findtext(tag) or "").strip() for tag in ("filename", "path"))
    folder = (root.findtext("folder") or "").strip()
    names = [f"{folder}/{name}"] * bool(folder and name) + [text for text in (name, place) if text]
    return XmlFile(
        names,
        _pixels(root.findtext("size/width")),
        _pixels(root.findtext("size/height")),
        # An object whose end is missing or misplaced contains the next ones.
        [_object(element) for element in root.iter("object")],
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
    polygon, box = _polygon(element), element.find("bndbox")
    if (count := len(element.findall("bndbox"))) > 1:
        return XmlObject(name, None, difficult, f"{count} <bndbox> in one <object>")
    if box is None:
        if polygon:
            xs, ys = polygon[::2], polygon[1::2]
            around = (min(xs), min(ys), max(xs), max(ys))
            return XmlObject(name, around, difficult, "", polygon, True)
        rotated = element.find("robndbox") is not None
        problem = "no <bndbox>, only a rotated <robndbox>" if rotated else "no <bndbox>"
        return XmlObject(name, None, difficult, problem)
    texts = [box.findtext(side) for side in _SIDES]
    sides = tuple(_number(text) for text in texts)
    for side, text, value in zip(_SIDES, texts, sides, strict=True):
        if value is None:
            return XmlObject(name, None, difficult, f"<{side}> is {short(text or 'missing')}")
    values = tuple(value for value in sides if value is not None)
    return XmlObject(name, values, difficult, "", polygon)


def _polygon(element: ElementTree.Element) -> tuple[float, ...]:
    """Returns the points of `<polygon>`: `<x1><y1><x2><y2>…` or `<pt><x><y></pt>…`; else none."""
    polygon = element.find("polygon")
    if polygon is None:
        return ()
    points = [(point.findtext("x"), point.findtext("y")) for point in polygon.findall("pt")]
    if not points:
        texts = {child.tag: child.text for child in polygon}
        count = sum(tag.startswith("x") for tag in texts)
        points = [(texts.get(f"x{i}"), texts.get(f"y{i}")) for i in range(1, count + 1)]
    values = [_number(text) for point in points for text in point]
    found = tuple(value for value in values if value is not None and math.isfinite(value))
    return found if len(found) == len(values) >= 6 else ()


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _pixels(text: str | None) -> int:
    value = _number(text)
    valid = value is not None and math.isfinite(value) and value > 0
    return as_pixels(int(value)) if valid and value is not None else 0
