"""The writers by format, and what each of them can hold."""

from __future__ import annotations

import importlib
from pathlib import Path

from training.data.writing.labeled_image import LabelNames
from training.data.writing.writers import Writer
from zoo.errors import InputError

_PACKAGE = "training.data.writing"
WRITERS = {
    "coco": "coco_writer:CocoWriter",
    "yolo": "yolo_writer:YoloWriter",
    "voc": "voc_writer:VocWriter",
    "masks": "mask_writer:MaskWriter",
    "labelme": "labelme_writer:LabelmeWriter",
    "cvat": "cvat_writer:CvatWriter",
    "label-studio": "label_studio_writer:LabelStudioWriter",
}
"""`MODULE:NAME` of the writer of each format."""

TOOLS = ("labelme", "cvat", "label-studio")
"""Formats of labeling tools, which hold classes of whole images too."""


def check_writable(format_name: str, names: LabelNames, what: str) -> None:
    """Raises InputError if a format cannot hold any of the labels of `what`."""
    if names.objects or names.classes:
        if format_name != "masks" or names.classes or names.outlines:
            if format_name == "masks" and len(names.classes or ("", *names.objects)) > 255:
                raise InputError(
                    f"{what}: {len(names.classes or names.objects)} classes, but a mask holds 255; "
                    "write coco."
                )
            return
        raise InputError(
            f"{what}: masks need class maps or outlines of objects, and it has boxes; write "
            "coco, yolo or voc."
        )
    if names.labels and format_name in TOOLS:
        return
    remedy = f"write {', '.join(TOOLS[:-1])} or {TOOLS[-1]}" if names.labels else "use another one"
    raise InputError(
        f"{what}: {format_name} holds objects, and it has none{_but(names)}; {remedy}."
    )


def _but(names: LabelNames) -> str:
    return ", but one class per image" if names.labels else ""


def open_writer(
    format_name: str,
    folder: Path,
    names: LabelNames,
    copy: bool = False,
    location: Path | None = None,
) -> Writer:
    """Returns the writer of a format, one of `WRITERS`; arguments as of `Writer`."""
    module, _, attribute = WRITERS[format_name].partition(":")
    kind = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), attribute)
    return kind(folder, names, copy, location)


def count_noun(count: int, noun: str) -> str:
    """Returns `1 image`, `2 images`."""
    return f"{count} {noun}{'s' * (count != 1)}"
