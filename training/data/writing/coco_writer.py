"""COCO's JSON: instances, person keypoints and captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np

from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.object_outlines import area_of, rle_of
from training.data.writing.writers import Writer, write_json_lines


class CocoWriter(Writer):
    """Writes `annotations/instances_SPLIT.json` and `images/SPLIT`.

    With keypoints the file is `person_keypoints_SPLIT.json`; captions of whole images are in
    `captions_SPLIT.json`. Stored polygons and masks stay what they are; a difficult object has
    `"ignore": 1`, a prediction `score`. Predictions are in `results.json` as well, in the format of
    COCO's evaluation.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._files: dict[tuple[str, str], _JsonFile] = {}
        self._entries: dict[str, list[dict[str, Any]]] = {}
        self._results: list[dict[str, Any]] = []
        self._annotations = 0

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "images" / image.split)
        entries = self._entries.setdefault(image.split, [])
        image_id = sum(self.images.values())
        entries.append(
            {"id": image_id, "file_name": name, "width": image.width, "height": image.height}
        )
        for item in image.objects:
            self._annotations += 1
            self._written(item)
            annotation: dict[str, Any] = {"id": self._annotations, "image_id": image_id}
            whole = item.box.tolist() == [0, 0, image.width, image.height]
            if item.caption and whole and self.names.objects == ("region",):
                annotation["caption"] = item.caption
                self._file("captions", image.split).add(annotation)
                continue
            annotation |= self._annotation(item, image)
            self._file(self._kind, image.split).add(annotation)
            if item.score is not None:
                self._results.append(_result(annotation))

    @property
    def _kind(self) -> str:
        return "person_keypoints" if self.names.keypoints else "instances"

    def _annotation(self, item: LabeledObject, image: LabeledImage) -> dict[str, Any]:
        x0, y0, x1, y1 = (float(side) for side in item.box)
        values: dict[str, Any] = {
            "category_id": item.label + 1,
            "bbox": [round(value, 4) for value in (x0, y0, x1 - x0, y1 - y0)],
            "area": item.area or area_of(item, image.height, image.width),
            "iscrowd": int(item.crowd),
        }
        if self.names.outlines:
            values["segmentation"] = _segmentation(item, image.height, image.width)
        if self.names.keypoints:
            absent = np.zeros((len(self.names.keypoints), 3))
            points = absent if item.keypoints is None else item.keypoints
            values["keypoints"] = [round(float(value), 4) for value in points.ravel()]
            values["num_keypoints"] = int((points[:, 2] > 0).sum())
        if item.difficult:
            values["ignore"] = 1
            self.lose('difficult objects marked with "ignore": 1, which not every tool reads')
        if item.caption:
            values["caption"] = item.caption
        if item.score is not None:
            values["score"] = round(item.score, 6)
        return values

    def _file(self, kind: str, split: str) -> _JsonFile:
        if (kind, split) not in self._files:
            name = f"{kind}_{split}.json" if split else f"{kind}.json"
            categories = [] if kind == "captions" else self._categories()
            self._files[kind, split] = _JsonFile(self.folder / "annotations" / name, categories)
        return self._files[kind, split]

    def _categories(self) -> list[dict[str, Any]]:
        posed = {
            "keypoints": list(self.names.keypoints),
            "skeleton": [[start + 1, end + 1] for start, end in self.names.skeleton],
        }
        return [
            {"id": number, "name": name, **(posed if self.names.keypoints else {})}
            for number, name in enumerate(self.names.objects, 1)
        ]

    def close(self) -> None:
        for split in self._entries:
            if not any(split == other for _, other in self._files):
                self._file(self._kind, split)
        for (_, split), file in self._files.items():
            file.close(self._entries[split])
        if self.names.model:
            write_json_lines(self.folder / "results.json", self._results)


def _segmentation(item: LabeledObject, height: int, width: int) -> Any:
    if item.rle is None:
        return [[round(float(value), 4) for value in polygon.ravel()] for polygon in item.polygons]
    rle = rle_of(item, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode()}


def _result(annotation: dict[str, Any]) -> dict[str, Any]:
    """Returns an annotation in the format of COCO's results, whose masks are encoded."""
    keys = ("image_id", "category_id", "bbox", "score", "segmentation", "keypoints")
    return {key: annotation[key] for key in keys if annotation.get(key)}


class _JsonFile:
    """A JSON file whose annotations are written one by one, so that they need no memory."""

    def __init__(self, path: Path, categories: list[dict[str, Any]]):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8")
        start = f'"categories": {json.dumps(categories)},\n' if categories else ""
        self._file.write(f'{{{start}"annotations": [')
        self._separator = "\n"

    def add(self, annotation: dict[str, Any]) -> None:
        self._file.write(self._separator + json.dumps(annotation))
        self._separator = ",\n"

    def close(self, images: list[dict[str, Any]]) -> None:
        entries = ",\n".join(json.dumps(image) for image in images)
        self._file.write(f'\n],\n"images": [\n{entries}\n]}}\n')
        self._file.close()
