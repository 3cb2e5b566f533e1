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


@dataclasses.dataclass(frozen=True)
class PredictionFiles:
    """Writes the predictions of a model.

    Attributes:
        out: folder of the files.
        task: name of the task.
        names: names of classes and keypoints.
        min_score: minimum score of reported objects.
        masks: format of object masks: `"rle"`, COCO's compressed run-length encoding, or
            `"polygons"`, lists of x, y.
    """

    out: Path
    task: str
    names: Names
    min_score: float = 0.5
    masks: str = "rle"

    def write(
        self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """Writes the drawn predictions; returns them as plain values, and one line of text.

        Args:
            path: path of the image.
            image: (H, W, 3) uint8 pixels.
            prediction: final predictions in these pixels.
        """
        if self.task == "segmentation":
            return self._segmentation_map(path, image, prediction["segmentation"])
        if "boxes" in prediction:
            return self._objects(path, image, prediction)
        drawn = self._draw(path, image, prediction)
        values = plain_values(prediction, self.names)
        text = ", ".join(f"{k} {v}" for k, v in values.items() if isinstance(v, (str, float)))
        return {"image": str(path), "overlay": str(drawn), **values}, f"{text} → {drawn}"

    def _segmentation_map(
        self, path: Path, image: np.ndarray, classes: np.ndarray
    ) -> tuple[dict[str, Any], str]:
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

    def _objects(
        self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
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
    """Returns the names to draw predictions with.

    Args:
        task: name of the task.
        labels: class names of the model, of the classes of its task.
        keypoints: names of the keypoints.
        skeleton: pairs of keypoints with a limb between them.
    """
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
    """Returns objects as plain values, see `zoo predict --json`.

    Their keys are `label`, `score` and `box` (xyxy), with `mask`, `keypoints` and `caption` where
    the model predicts them.

    Args:
        prediction: final predictions without padding.
        names: class names.
        size: height and width of the image.
        masks: format of the masks, `"rle"` or `"polygons"`.
    """
    objects: list[dict[str, Any]] = [
        {"label": names.object(int(label)), "score": float(score), "box": _plain(box)}
        for label, score, box in zip(
            prediction["labels"], prediction["scores"], prediction["boxes"], strict=True
        )
    ]
    if "masks" in prediction:
        values: list[Any]
        if masks == "polygons":
            values = [
                polygons(m) for m in full_masks(prediction["masks"], prediction["boxes"], size)
            ]
        else:
            values = [
                {"size": list(size), "counts": rle["counts"].decode()}
                for rle in encode_masks(prediction["masks"], prediction["boxes"], size)
            ]
        for one, mask in zip(objects, values, strict=True):
            one["mask"] = mask
    if "keypoints" in prediction:
        for one, keypoints in zip(objects, prediction["keypoints"], strict=True):
            one["keypoints"] = _plain(keypoints)
    if "captions" in prediction:
        for one, caption in zip(objects, prediction["captions"], strict=True):
            one["caption"] = caption_text(caption, names.tokens)
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
    """Returns the polygons of a mask in COCO's format: x, y, x, y, … in pixels, a list per part.

    They run between the centres of pixels inside and outside, so that exactly the mask's pixels
    have their centres inside. Holes are filled; run-length encoding preserves them.

    Args:
        mask: (H, W) bool mask.
    """
    from contourpy import FillType, contour_generator

    padded = np.pad(mask.astype(np.float64), 1)
    outlines = contour_generator(z=padded, fill_type=FillType.OuterOffset)
    # Pixel (r, c) of the padded mask has its centre at x = c − 0.5, y = r − 0.5.
    return [
        (points[: ends[1]] - 0.5)[:-1].ravel().tolist()
        for points, ends in zip(*outlines.filled(0.5, 2.0), strict=True)
    ]


def _plain(value: Any) -> Any:
    return np.round(np.asarray(value, np.float64), 4).tolist()
