"""Files of VGG Image Annotator 1 and 2: projects, and annotations as JSON or CSV."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.data.sources.reading.json_files import JsonObject, read_json, short
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import Table, read_table, read_text

_IMAGES = "_via_img_metadata"
_VIA3 = ("project", "config", "attribute", "file", "metadata")


@dataclasses.dataclass(slots=True)
class ViaImage:
    """An image's entry, or one row of a table.

    Attributes:
        name: name of the entry in messages.
        filename: name of the image, as stored.
        regions: name in messages and content of each region.
        attributes: file attributes.
        problem: what makes the entry invalid, or an empty string.
    """

    name: str
    filename: Any = None
    regions: list[tuple[str, Any]] = dataclasses.field(default_factory=list)
    attributes: Any = None
    problem: str = ""


@dataclasses.dataclass(slots=True)
class ViaFile:
    """Images of a file, and the region attributes that it declares."""

    images: list[ViaImage]
    attributes: JsonObject = dataclasses.field(default_factory=dict)


def read_via(path: Path) -> ViaFile | None:
    """Returns the content of a file; None if it is not of VGG Image Annotator."""
    if path.suffix.lower() == ".csv":
        head = read_text(path).lstrip().split("\n", 1)[0]
        return ViaFile(list(_rows(read_table(path)))) if "region_shape_attributes" in head else None
    content = read_json(path)
    if not isinstance(content, dict):
        return None
    if all(key in content for key in _VIA3):
        raise InputError(
            f"{shown(path)}: a project of VGG Image Annotator 3; export it as VIA 2 or COCO."
        )
    images = content.get(_IMAGES, content)
    entries = list(images.values()) if isinstance(images, dict) else []
    if _IMAGES not in content and not any(
        isinstance(entry, dict) and "regions" in entry for entry in entries
    ):
        return None
    if not isinstance(images, dict):
        raise InputError(f"{shown(path)}: {_IMAGES} must be an object; save the project again.")
    declared = content.get("_via_attributes")
    attributes = declared.get("region") if isinstance(declared, dict) else None
    found = [_image(key, entry) for key, entry in images.items()]
    return ViaFile(found, attributes if isinstance(attributes, dict) else {})


def as_options(attribute: Any) -> dict[str, str]:
    """Returns the class names that an attribute declares, by the value that regions store.

    Options have an id and a description; a number as id stands for its description.
    """
    options = attribute.get("options") if isinstance(attribute, dict) else None
    names = {}
    for key, text in options.items() if isinstance(options, dict) else ():
        described = key.isdecimal() and isinstance(text, str) and text.strip()
        names[key] = shown(text.strip() if described else key.strip())
    return {key: name for key, name in names.items() if name}


def _image(key: str, entry: Any) -> ViaImage:
    name = f"image {short(key)}"
    if not isinstance(entry, dict):
        return ViaImage(name, problem=f"{short(entry)} is not an image")
    filename, regions = entry.get("filename"), entry.get("regions")
    if not isinstance(filename, str) or not filename.strip():
        return ViaImage(name, problem=f"filename {short(filename)}")
    if not isinstance(regions, dict | list):
        return ViaImage(name, problem=f"regions {short(regions)}")
    items = list(regions.values()) if isinstance(regions, dict) else regions
    numbered = [(f"region {number}", region) for number, region in enumerate(items, 1)]
    return ViaImage(f"image {short(filename)}", filename, numbered, entry.get("file_attributes"))


def _rows(table: Table) -> Iterator[ViaImage]:
    for line, count in table.uneven:
        problem = f"{count} fields, but the header has {len(table.columns)}"
        yield ViaImage(f"line {line}", problem=problem)
    columns = [
        table.column(*names)
        for names in (
            ("filename", "#filename"),
            ("region_shape_attributes",),
            ("region_attributes",),
            ("file_attributes",),
        )
    ]
    if None in columns[:3]:
        raise InputError(
            f"{shown(table.path)}: the header has no filename or region_attributes; export it "
            "again."
        )
    for line, fields in table.rows:
        filename, *texts = [fields[column] if column is not None else "" for column in columns]
        values = [_json_object(text) for text in texts]
        if None in values[:2]:
            bad = texts[0] if values[0] is None else texts[1]
            yield ViaImage(f"line {line}", problem=f"{short(bad)} is not a JSON object")
            continue
        shape, attributes, of_file = values
        region = {"shape_attributes": shape, "region_attributes": attributes}
        regions = [(f"line {line}", region)] if shape else []
        yield ViaImage(f"image {short(filename)}", filename, regions, of_file)


def _json_object(text: str) -> JsonObject | None:
    """Returns the JSON object in a field; an empty field is an empty object."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
