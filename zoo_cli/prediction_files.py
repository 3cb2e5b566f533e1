"""What `zoo predict` leaves of an image's answer: images, and plain values for JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.drawing import Names, draw, overlay_classes, save_sheet
from training.evaluation.captioning_metrics import as_sentence
from training.evaluation.object_matching import encode_masks, full_masks
from zoo.files.atomic_writes import replacing
from zoo.tasks import TASKS

MASK_FORMS = ("rle", "polygons")


@dataclasses.dataclass(frozen=True)
class PredictionFiles:
    """Writes the answers of one model.

    Attributes:
        out: folder.
        task: name of the task.
        names: of classes and joints.
        min_score: objects with a lower score are left out.
        masks: `"rle"`, COCO's compressed runs of pixels, or `"polygons"`, lists of x, y.
    """

    out: Path
    task: str
    names: Names
    min_score: float = 0.5
    masks: str = "rle"

    def write(
        self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """Writes what is drawn of an image; returns plain values and a line in words.

        Args:
            path: of the image.
            image: (H, W, 3) uint8.
            answer: final answers in its pixels.
        """
        if self.task == "segmentation":
            return self._class_map(path, image, prediction["segmentation"])
        if "boxes" in prediction:
            return self._objects(path, image, prediction)
        drawn = self._draw(path, image, prediction)
        values = plain_values(prediction, self.names)
        text = ", ".join(f"{k} {v}" for k, v in values.items() if isinstance(v, (str, float)))
        return {"image": str(path), "overlay": str(drawn), **values}, f"{text} → {drawn}"

    def _class_map(
        self, path: Path, image: np.ndarray, classes: np.ndarray
    ) -> tuple[dict[str, Any], str]:
        labels = self.names.classes
        target = self.out / f"{path.stem}_classes.png"
        with replacing(target) as temporary:
            Image.fromarray(classes.astype(np.uint8)).save(temporary)
        laid_over = overlay_classes(image, classes, len(labels))
        save_sheet(self.out / f"{path.stem}_overlay.png", Image.fromarray(laid_over))
        counts = np.bincount(classes.ravel(), minlength=len(labels))
        shares = {labels[i]: float(counts[i] / classes.size) for i in np.nonzero(counts)[0]}
        text = ", ".join(f"{k} {100 * v:.1f} %" for k, v in shares.items())
        values = {"image": str(path), "classes": str(target), "shares": shares}
        return values, f"{text} → {target}"

    def _objects(
        self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
        rows = kept_rows(prediction, self.min_score)
        chosen = {
            key: np.asarray(prediction[key])[rows]
            for key in ("boxes", "labels", "scores", "masks", "keypoints", "captions")
            if key in prediction
        }
        drawn = self._draw(path, image, chosen)
        objects = object_values(chosen, self.names, image.shape[:2], self.masks)
        if "captions" in chosen:
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


def names_of(
    task: str,
    labels: list[str],
    joints: tuple[str, ...] = (),
    skeleton: tuple[tuple[int, int], ...] = (),
) -> Names:
    """The names of a model's answers from its labels, which are those of its task's classes."""
    given, key = tuple(labels), TASKS[task].classes_of
    return Names(
        classes=given if key == "segmentation" else (),
        objects=given if key == "labels" else ("region",) if key == "captions" else (),
        labels=given if key == "label" else (),
        words=given if key == "captions" else (),
        joints=given if key == "keypoints" else joints,
        skeleton=skeleton,
    )


def kept_rows(prediction: Mapping[str, Any], min_score: float) -> np.ndarray:
    """Rows of an answer's objects that are not padding and have the score, best first."""
    labels, scores = np.asarray(prediction["labels"]), np.asarray(prediction["scores"])
    kept = (labels >= 0) & (scores >= min_score)
    if "num_detections" in prediction:
        kept &= np.arange(len(labels)) < int(prediction["num_detections"])
    rows = np.flatnonzero(kept)
    return rows[np.argsort(-scores[rows], kind="stable")]


def object_values(
    prediction: Mapping[str, np.ndarray], names: Names, size: tuple[int, int], form: str
) -> list[dict[str, Any]]:
    """Objects as plain values: `label`, `score`, `box` xyxy; `mask`, `keypoints`, `caption` if any.

    Args:
        answer: without padding.
        names: of classes.
        size: height and width of the image.
        form: of the masks, one of `MASK_FORMS`.
    """
    objects: list[dict[str, Any]] = [
        {"label": names.object(int(label)), "score": float(score), "box": _plain(box)}
        for label, score, box in zip(
            prediction["labels"], prediction["scores"], prediction["boxes"], strict=True
        )
    ]
    if "masks" in prediction:
        masks: list[Any]
        if form == "polygons":
            masks = [
                polygons(m) for m in full_masks(prediction["masks"], prediction["boxes"], size)
            ]
        else:
            masks = [
                {"size": list(size), "counts": one["counts"].decode()}
                for one in encode_masks(prediction["masks"], prediction["boxes"], size)
            ]
        for one, mask in zip(objects, masks, strict=True):
            one["mask"] = mask
    if "keypoints" in prediction:
        for one, joints in zip(objects, prediction["keypoints"], strict=True):
            one["keypoints"] = _plain(joints)
    if "captions" in prediction:
        for one, caption in zip(objects, prediction["captions"], strict=True):
            one["caption"] = as_sentence(caption, names.words)
    return objects


def plain_values(prediction: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """An answer about the whole image as plain values, its class by name."""
    values = {key: _plain(value) for key, value in prediction.items()}
    if "label" in values:
        number = int(values["label"])
        values["label"] = names.label(number)
        if "scores" in values:
            values["score"] = values["scores"][number]
    return values


def polygons(mask: np.ndarray) -> list[list[float]]:
    """Outlines of a mask as COCO writes them: x, y, x, y, … in pixels, a list for each part.

    They run between the centres of pixels inside and outside, so that exactly the mask's pixels
    have their centres inside. Holes are not told; runs of pixels tell them.

    Args:
        mask: (H, W) bool.
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
