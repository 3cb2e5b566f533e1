"""Files and JSON values of the predictions for an image."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.drawing import Names, draw, overlay_classes, save_sheet
from training.evaluation.captioning_metrics import caption_text
from training.evaluation.object_matching import encode_masks, full_masks
from zoo.files.atomic_writes import replacing
from zoo.tasks import TASKS

Prediction = Mapping[str, Any]
Written = tuple[dict[str, Any], str]
"""Plain values, and one line of text."""


@dataclasses.dataclass(frozen=True)
class PredictionFiles:
    """Writes the predictions of a model into the folder `out`.

    Objects below `min_score` are not reported; `masks` is `"rle"`, COCO's compressed run-length
    encoding, or `"polygons"`, lists of x, y.
    """

    out: Path
    task: str
    names: Names
    min_score: float = 0.5
    masks: str = "rle"

    def write(self, path: Path, image: np.ndarray, prediction: Prediction) -> Written:
        """Writes an image (H, W, 3) uint8 with predictions; returns plain values and a text."""
        if self.task == "segmentation":
            return self._segmentation_map(path, image, prediction["segmentation"])
        if "boxes" in prediction:
            return self._objects(path, image, prediction)
        drawn = self._draw(path, image, prediction)
        values = plain_values(prediction, self.names)
        text = ", ".join(f"{k} {v}" for k, v in values.items() if isinstance(v, (str, float)))
        return {"image": str(path), "overlay": str(drawn), **values}, f"{text} → {drawn}"

    def _segmentation_map(self, path: Path, image: np.ndarray, classes: np.ndarray) -> Written:
        labels = self.names.classes
        target = self.out / f"{path.stem}_classes.png"
        with replacing(target) as temporary:
            Image.fromarray(classes.astype(np.uint8)).save(temporary)
        overlay = overlay_classes(image, classes, len(labels))
        save_sheet(self.out / f"{path.stem}_overlay.png", Image.fromarray(overlay))
        counts = np.bincount(classes.ravel(), minlength=len(labels))
        fractions = {labels[i]: float(counts[i] / classes.size) for i in np.nonzero(counts)[0]}
        text = ", ".join(f"{k} {100 * v:.1f} %" for k, v in fractions.items())
        values = {"image": str(path), "classes": str(target), "fractions": fractions}
        return values, f"{text} → {target}"

    def _objects(self, path: Path, image: np.ndarray, prediction: Prediction) -> Written:
        rows = reported_rows(prediction, self.min_score)
        reported = {
            key: np.asarray(prediction[key])[rows]
            for key in ("boxes", "labels", "scores", "masks", "keypoints", "captions")
            if key in prediction
        }
        drawn = self._draw(path, image, reported)
        objects = object_values(reported, self.names, image.shape[:2], self.masks)
        if "captions" in reported:
            text = "; ".join(one["caption"] for one in objects)
        else:
            counts = Counter(one["label"] for one in objects)
            text = ", ".join(f"{count} {name}" for name, count in counts.items())
        text = text or "nothing found"
        values = {"image": str(path), "overlay": str(drawn), "objects": objects}
        return values, f"{text} → {drawn}"

    def _draw(self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]) -> Path:
        target = self.out / f"{path.stem}_overlay.png"
        full = "masks" in prediction and np.shape(prediction["masks"])[1:] == image.shape[:2]
        drawn = draw(image, prediction, self.names, full_masks=full)
        save_sheet(target, Image.fromarray(drawn))
        return target


def drawing_names(
    task: str,
    labels: list[str],
    keypoints: tuple[str, ...] = (),
    skeleton: tuple[tuple[int, int], ...] = (),
) -> Names:
    """Returns the names to draw predictions with; the model's `labels` are classes of its task."""
    classes, key = tuple(labels), TASKS[task].classes_of
    return Names(
        classes=classes if key == "segmentation" else (),
        objects=classes if key == "labels" else ("region",) if key == "captions" else (),
        labels=classes if key == "label" else (),
        tokens=classes if key == "captions" else (),
        keypoints=classes if key == "keypoints" else keypoints,
        skeleton=skeleton,
    )


def reported_rows(prediction: Mapping[str, Any], min_score: float) -> np.ndarray:
    """Returns the rows of objects that are not padding and have the score, best first."""
    labels, scores = np.asarray(prediction["labels"]), np.asarray(prediction["scores"])
    reported = (labels >= 0) & (scores >= min_score)
    if "num_detections" in prediction:
        reported &= np.arange(len(labels)) < int(prediction["num_detections"])
    rows = np.flatnonzero(reported)
    return rows[np.argsort(-scores[rows], kind="stable")]


def object_values(
    prediction: Mapping[str, np.ndarray], names: Names, size: tuple[int, int], masks: str
) -> list[dict[str, Any]]:
    """Returns objects, without padding, as plain values for `zoo predict --json`.

    Their keys are `label`, `score` and `box` (xyxy), with `mask`, `keypoints` and `caption` where
    the model predicts them. `size` is that of the image (H, W).
    """
    objects: list[dict[str, Any]] = [
        {"label": names.object(int(label)), "score": float(score), "box": _plain(box)}
        for label, score, box in zip(
            prediction["labels"], prediction["scores"], prediction["boxes"], strict=True
        )
    ]
    parts: dict[str, list[Any]] = {}
    if "masks" in prediction and masks == "polygons":
        full = full_masks(prediction["masks"], prediction["boxes"], size)
        parts["mask"] = [polygons(mask) for mask in full]
    elif "masks" in prediction:
        encoded = encode_masks(prediction["masks"], prediction["boxes"], size)
        parts["mask"] = [{"size": [*size], "counts": rle["counts"].decode()} for rle in encoded]
    if "keypoints" in prediction:
        parts["keypoints"] = [_plain(keypoints) for keypoints in prediction["keypoints"]]
    if "captions" in prediction:
        parts["caption"] = [caption_text(row, names.tokens) for row in prediction["captions"]]
    for key, values in parts.items():
        for one, value in zip(objects, values, strict=True):
            one[key] = value
    return objects


def plain_values(prediction: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Returns predictions for the whole image as plain values, the class by name."""
    values = {key: _plain(value) for key, value in prediction.items()}
    if "label" in values:
        label = int(values["label"])
        values["label"] = names.label(label)
        if "scores" in values:
            values["score"] = values["scores"][label]
    return values


def polygons(mask: np.ndarray) -> list[list[float]]:
    """Returns the polygons of an (H, W) bool mask in COCO's format: x, y, x, y, … per part.

    They run between the centers of pixels inside and outside, so that exactly the mask's pixels
    have their centers inside. Holes are filled; run-length encoding preserves them.
    """
    from contourpy import FillType, contour_generator

    padded = np.pad(mask.astype(np.float64), 1)
    outlines = contour_generator(z=padded, fill_type=FillType.OuterOffset)
    # Pixel (r, c) of the padded mask has its center at x = c − 0.5, y = r − 0.5.
    return [
        (points[: ends[1]] - 0.5)[:-1].ravel().tolist()
        for points, ends in zip(*outlines.filled(0.5, 2.0), strict=True)
    ]


def _plain(value: Any) -> Any:
    return np.round(np.asarray(value, np.float64), 4).tolist()
