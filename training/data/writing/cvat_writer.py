"""CVAT's XML, "CVAT for images 1.1"."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import numpy as np

from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.object_outlines import decode, rings_of, rle_of
from training.data.writing.writers import Writer, printable

_Shape = tuple[str, dict[str, str]]


class CvatWriter(Writer):
    """Writes `images`, `annotations.xml`, and `labels.json` for CVAT's raw label editor.

    An object is a box or, with an outline, one polygon per part with a common `group_id`; one with
    holes is a mask. Keypoints are a skeleton, a class of a whole image is a tag, and a score the
    attribute `score`. Names in the XML file are relative to `images`.
    """

    needs_split = False

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._root = ElementTree.Element("annotations")
        ElementTree.SubElement(self._root, "version").text = "1.1"
        task = ElementTree.SubElement(ElementTree.SubElement(self._root, "meta"), "task")
        labels = ElementTree.SubElement(task, "labels")
        for name in self._label_names():
            label = ElementTree.SubElement(labels, "label")
            ElementTree.SubElement(label, "name").text = name
        self._group = 0

    def _label_names(self) -> list[str]:
        return [printable(name) for name in self.names.objects or self.names.labels]

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "images" / image.split)
        attributes = {
            "id": str(sum(self.images.values()) - 1),
            "name": f"{image.split}/{name}" if image.split else name,
            "width": str(image.width),
            "height": str(image.height),
        }
        if image.split:
            attributes["subset"] = image.split
        element = ElementTree.SubElement(self._root, "image", attributes)
        if image.label is not None:
            label = printable(self.names.labels[image.label])
            tag = ElementTree.SubElement(element, "tag", {"label": label, "source": self._source})
            self._values(tag, image.score)
        for item in image.objects:
            self._add_object(element, item, image)
            self._written(
                item,
                crowd="crowds marked by an attribute only",
                difficult="difficult objects marked by an attribute only",
            )

    @property
    def _source(self) -> str:
        return "auto" if self.names.model else "manual"

    def _add_object(
        self, element: ElementTree.Element, item: LabeledObject, image: LabeledImage
    ) -> None:
        shapes = self._shapes(item, image)
        self._group += len(shapes) > 1
        for tag, attributes in shapes:
            common = {"label": printable(self.names.objects[item.label]), "source": self._source}
            if len(shapes) > 1:
                common["group_id"] = str(self._group)
            values = {**common, "occluded": "0", **attributes, "z_order": "0"}
            shape = ElementTree.SubElement(element, tag, values)
            if tag == "skeleton":
                self._add_keypoints(shape, item)
            marks = [name for name in ("crowd", "difficult") if getattr(item, name)]
            self._values(shape, item.score, {name: "true" for name in marks}, item.caption)

    def _shapes(self, item: LabeledObject, image: LabeledImage) -> list[_Shape]:
        if item.keypoints is not None:
            self.lose("boxes and outlines left out of objects with keypoints, written as skeletons")
            return [("skeleton", {})]
        parts = rings_of(item, image.height, image.width) if item.has_outline else []
        if any(len(part) > 1 for part in parts):
            return [("mask", _mask(decode(rle_of(item, image.height, image.width))))]
        if parts:
            return [("polygon", {"points": _points(part[0])}) for part in parts]
        sides = zip(("xtl", "ytl", "xbr", "ybr"), item.box, strict=True)
        return [("box", {key: f"{side:.2f}" for key, side in sides})]

    def _add_keypoints(self, shape: ElementTree.Element, item: LabeledObject) -> None:
        points = np.asarray(item.keypoints)
        for name, (x, y, visibility) in zip(self.names.keypoints, points, strict=True):
            attributes = {
                "label": printable(name),
                "source": self._source,
                "outside": str(int(visibility == 0)),
                "occluded": str(int(visibility == 1)),
                "points": f"{x:.2f},{y:.2f}",
            }
            ElementTree.SubElement(shape, "points", attributes)

    def _values(
        self,
        shape: ElementTree.Element,
        score: float | None,
        marks: dict[str, str] | None = None,
        caption: str = "",
    ) -> None:
        values = dict(marks or {})
        if score is not None:
            values["score"] = f"{score:.4f}"
        if caption:
            values["caption"] = printable(caption)
        for name, value in values.items():
            ElementTree.SubElement(shape, "attribute", {"name": name}).text = value

    def close(self) -> None:
        ElementTree.indent(self._root)
        path = self.folder / "annotations.xml"
        ElementTree.ElementTree(self._root).write(path, encoding="utf-8", xml_declaration=True)
        if self.names.keypoints:
            return  # a skeleton needs a drawing, which CVAT's editor makes
        score = {"name": "score", "input_type": "text", "mutable": False, "values": [""]}
        attributes = [score] if self.names.model else []
        labels = [{"name": name, "attributes": attributes} for name in self._label_names()]
        path = self.folder / "labels.json"
        path.write_text(json.dumps(labels, indent=1), encoding="utf-8")


def _points(ring: np.ndarray) -> str:
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in ring)


def _mask(mask: np.ndarray) -> dict[str, str]:
    """Returns a mask in CVAT's encoding: runs of 0, 1, … along the rows of its bounding box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    inside = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    flat = inside.ravel()
    ends = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    runs = np.diff(ends).tolist()
    runs = [0, *runs] if flat[0] else runs
    return {
        "rle": ", ".join(map(str, runs)),
        "left": str(left),
        "top": str(top),
        "width": str(inside.shape[1]),
        "height": str(inside.shape[0]),
    }
