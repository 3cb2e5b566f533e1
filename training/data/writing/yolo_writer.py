"""YOLO's text labels and `data.yaml`, as Ultralytics reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.object_outlines import joined, rings_of
from training.data.writing.writers import Writer, printable

_BOX_ERROR = 0.5


class YoloWriter(Writer):
    """Writes `images/SPLIT`, `labels/SPLIT` and `data.yaml`.

    A line is a box, an outline, or a box with keypoints, in fractions of the image's sides. The
    parts and holes of an object are joined to one outline by lines of no width.
    """

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "images" / image.split)
        lines = []
        for item in image.objects:
            if item.crowd:
                self.lose("crowds left out, which yolo cannot mark")
                continue
            lines.append(f"{item.label} {self._line(item, image)}\n")
            self._written(
                item,
                difficult="difficult objects written as other objects",
                caption="captions left out, which yolo cannot hold",
                score="scores left out, as labels for training have none",
            )
        path = self.folder / "labels" / image.split / f"{name.rpartition('.')[0]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))

    def _line(self, item: LabeledObject, image: LabeledImage) -> str:
        sides = np.array([image.width, image.height], np.float64)
        box = np.clip(item.box.reshape(2, 2) / sides, 0, 1)
        values = np.concatenate([box.mean(axis=0), box[1] - box[0]])
        if self.names.keypoints:
            if item.has_outline:
                self.lose("outlines left out, as yolo holds either outlines or keypoints")
            points = self._keypoints(item, sides)
            return " ".join([*_texts(values), *points])
        if not item.has_outline:
            if self.names.outlines:
                self.lose("objects without outline written as boxes among outlines")
            return " ".join(_texts(values))
        parts = rings_of(item, image.height, image.width)
        rings = [ring for part in parts for ring in part]
        if not rings:
            self.lose("outlines that cover no pixel written as boxes")
            return " ".join(_texts(values))
        if len(rings) > 1:
            self.lose("objects of several parts or with holes joined to one outline each")
        outline = joined(rings)
        extent = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
        if np.abs(extent - box.ravel() * [*sides, *sides]).max() > _BOX_ERROR:
            self.lose("boxes that differ from their outline replaced by its extent")
        return " ".join(_texts((outline / sides).ravel()))

    def _keypoints(self, item: LabeledObject, sides: np.ndarray) -> list[str]:
        points = np.zeros((len(self.names.keypoints), 3))
        if item.keypoints is not None:
            points = np.array(item.keypoints, np.float64)
        texts: list[str] = []
        for x, y, visibility in points:
            fractions = np.clip([x / sides[0], y / sides[1]], 0, 1) * (visibility > 0)
            texts += [*_texts(fractions), str(int(visibility))]
        return texts

    def close(self) -> None:
        content: dict[str, Any] = {
            split: f"images/{split}" for split in sorted(self.images, key=_training_first)
        }
        content["names"] = {i: printable(name) for i, name in enumerate(self.names.objects)}
        if self.names.keypoints:
            content["kpt_shape"] = [len(self.names.keypoints), 3]
            if self.names.flip_pairs is not None:
                content["flip_idx"] = _flip_order(len(self.names.keypoints), self.names.flip_pairs)
            names = list(map(printable, self.names.keypoints))
            content["kpt_names"] = {i: names for i in range(len(self.names.objects))}
        text = yaml.dump(
            content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
        )
        (self.folder / "data.yaml").write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Writes every value out: aliases are not portable."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _training_first(split: str) -> int:
    return ("train", "val", "test", split).index(split)


def _flip_order(count: int, pairs: tuple[tuple[int, int], ...]) -> list[int]:
    order = list(range(count))
    for left, right in pairs:
        order[left], order[right] = right, left
    return order


def _texts(values: np.ndarray) -> list[str]:
    return [f"{value:.7f}".rstrip("0").rstrip(".") for value in values]
