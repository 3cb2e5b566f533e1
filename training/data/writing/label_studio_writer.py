"""Label Studio's tasks with predictions or annotations, and the labeling interface for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.object_outlines import joined, rings_of
from training.data.writing.writers import Writer, write_json_lines

_CONTROLS = {
    "rectanglelabels": ("rectangles", "RectangleLabels", "Label"),
    "polygonlabels": ("polygons", "PolygonLabels", "Label"),
    "keypointlabels": ("keypoints", "KeyPointLabels", "Label"),
    "choices": ("class", "Choices", "Choice"),
}
"""Name, tag and child tag of the control of each type of region."""


class LabelStudioWriter(Writer):
    """Writes `images`, `tasks.json` and `label_config.xml`, the labeling interface.

    Images are named for Label Studio's local files, with the parent of the folder as their root:
    `/data/local-files/?d=FOLDER/images/…`. Coordinates are percent of the image's sides. Labels are
    `annotations`, and what a model predicts are `predictions` with scores.
    """

    needs_split = False

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._tasks: list[dict[str, Any]] = []
        self._types: set[str] = set()

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "images" / image.split)
        parts = [self.location.name, "images", *([image.split] if image.split else []), name]
        data = {"image": f"/data/local-files/?d={quote('/'.join(parts))}"}
        if image.split:
            data["split"] = image.split
        regions = []
        if image.label is not None:
            value = {"choices": [self.names.labels[image.label]]}
            regions.append(self._region("choices", value, image.score, None))
        for number, item in enumerate(image.objects):
            regions += self._regions(item, f"object{number + 1}", image)
            self._written(
                item,
                crowd="crowds written as other objects",
                difficult="difficult objects written as other objects",
                caption="captions written as `meta.text` of their region",
            )
        for number, region in enumerate(regions):
            region.setdefault("id", f"region{number + 1}")
        scores = [region["score"] for region in regions if "score" in region]
        result: dict[str, Any] = {"result": regions}
        if self.names.model:
            result["model_version"] = self.names.model
            if scores:
                result["score"] = round(float(np.mean(scores)), 6)
        self._tasks.append({"data": data, self._key: [result]})

    @property
    def _key(self) -> str:
        return "predictions" if self.names.model else "annotations"

    def _regions(self, item: LabeledObject, name: str, image: LabeledImage) -> list[dict[str, Any]]:
        percent = 100 / np.array([image.width, image.height], np.float64)
        labels = [self.names.objects[item.label]]
        parts = rings_of(item, image.height, image.width) if item.has_outline else []
        if len(parts) > 1:
            self.lose("objects of several parts written as one region per part")
        if any(len(part) > 1 for part in parts):
            self.lose("holes cut into their outline by lines of no width")
        regions = []
        for part in parts:
            points = np.round(joined(part) * percent, 5).tolist()
            value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": labels}
            regions.append(self._region("polygonlabels", value, item.score, image))
        if not parts:
            x0, y0, x1, y1 = (item.box.reshape(2, 2) * percent).ravel().round(5).tolist()
            value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
            value["rectanglelabels"] = labels
            regions.append(self._region("rectanglelabels", value, item.score, image))
        regions[0]["id"] = name
        if item.caption:
            regions[0]["meta"] = {"text": [item.caption]}
        keypoints = np.zeros((0, 3)) if item.keypoints is None else np.asarray(item.keypoints)
        for label, (x, y, visibility) in zip(self.names.keypoints, keypoints, strict=False):
            if visibility > 0:
                x, y = float(x * percent[0]), float(y * percent[1])
                value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
                region = self._region("keypointlabels", value, item.score, image)
                regions.append({**region, "parentID": name})
        return regions

    def _region(
        self, kind: str, value: dict[str, Any], score: float | None, image: LabeledImage | None
    ) -> dict[str, Any]:
        self._types.add(kind)
        region: dict[str, Any] = {
            "type": kind,
            "from_name": _CONTROLS[kind][0],
            "to_name": "image",
            "value": value,
        }
        if image is not None:
            sides = {"original_width": image.width, "original_height": image.height}
            region |= {**sides, "image_rotation": 0}
        return region if score is None else {**region, "score": round(score, 6)}

    def close(self) -> None:
        write_json_lines(self.folder / "tasks.json", self._tasks)
        view = ElementTree.Element("View")
        ElementTree.SubElement(view, "Image", {"name": "image", "value": "$image"})
        for kind in [kind for kind in _CONTROLS if kind in self._types]:
            name, tag, child = _CONTROLS[kind]
            control = ElementTree.SubElement(view, tag, {"name": name, "toName": "image"})
            values = {"choices": self.names.labels, "keypointlabels": self.names.keypoints}
            for label in values.get(kind, self.names.objects):
                ElementTree.SubElement(control, child, {"value": label})
        ElementTree.indent(view)
        ElementTree.ElementTree(view).write(self.folder / "label_config.xml", encoding="utf-8")
