"""labelme's JSON files, one beside each image."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.object_outlines import joined, rings_of
from training.data.writing.writers import Writer


class LabelmeWriter(Writer):
    """Writes each image and its JSON file into the folder of its split.

    An object is a rectangle or, with an outline, one polygon per part; parts and keypoints share a
    `group_id`. Classes of the whole image are flags; a score is in `score` and `description`.
    """

    needs_split = False

    def _add(self, image: LabeledImage) -> None:
        folder = self.folder / image.split
        name = self.placement.place(image, folder)
        shapes: list[dict[str, Any]] = []
        for number, item in enumerate(image.objects, 1):
            shapes += self._shapes(item, number, image)
            self._written(
                item,
                crowd="crowds marked by a flag only",
                difficult="difficult objects marked by a flag only",
            )
        flags = {}
        if image.label is not None:
            flags = {name: i == image.label for i, name in enumerate(self.names.labels)}
        content = {
            "version": "5.5.0",
            "flags": flags,
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
        }
        path = folder / f"{name.rpartition('.')[0]}.json"
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def close(self) -> None:
        """Writes nothing: every file belongs to one image."""

    def _shapes(
        self, item: LabeledObject, number: int, image: LabeledImage
    ) -> list[dict[str, Any]]:
        parts = rings_of(item, image.height, image.width) if item.has_outline else []
        if any(len(part) > 1 for part in parts):
            self.lose("holes cut into their outline by lines of no width")
        outlines = [("polygon", joined(part)) for part in parts]
        outlines = outlines or [("rectangle", item.box.reshape(2, 2))]
        points = np.zeros((0, 3)) if item.keypoints is None else np.asarray(item.keypoints)
        group = number if len(outlines) > 1 or len(points) else None
        label = self.names.objects[item.label]
        shapes = [self._shape(label, kind, ring, group, item) for kind, ring in outlines]
        for name, (x, y, visibility) in zip(self.names.keypoints, points, strict=False):
            if visibility > 0:
                shape = self._shape(name, "point", np.array([[x, y]]), group, item)
                shapes.append({**shape, "flags": {"hidden": bool(visibility == 1)}})
        return shapes

    def _shape(
        self, label: str, kind: str, points: np.ndarray, group: int | None, item: LabeledObject
    ) -> dict[str, Any]:
        description = item.caption
        if item.score is not None:
            description = f"{description} score {item.score:.3f}".strip()
        flags = {name: True for name in ("crowd", "difficult") if getattr(item, name)}
        shape: dict[str, Any] = {
            "label": label,
            "points": np.round(points, 3).tolist(),
            "group_id": group,
            "description": description,
            "shape_type": kind,
            "flags": flags,
            "mask": None,
        }
        return shape if item.score is None else {**shape, "score": round(item.score, 6)}
