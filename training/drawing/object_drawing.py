"""The objects of a sample or a prediction, as they are drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from training.drawing.colors import Color, object_color
from training.drawing.drawn_names import Names

_COLORS = 24


@dataclasses.dataclass(frozen=True)
class DrawnObject:
    """An object of a sample or a prediction."""

    row: int  # row in the sample
    box: np.ndarray | None  # (4,) xyxy in pixels; None for a caption of the whole image
    color: Color
    text: str = ""
    dashed: bool = False  # whether it is a crowd or difficult
    caption: str = ""


def objects_of(
    sample: Mapping[str, Any], names: Names, color_by: str, min_score: float
) -> list[DrawnObject]:
    """Returns the objects to draw, without padding and boxes of NaN; see `draw`."""
    objects = list(_rows(sample, names, color_by, min_score))
    if "box" in sample:
        objects += _one_object(sample, names, objects)
    if "captions" in sample or "texts" in sample:
        has_class = len(names.objects) > 1 and "labels" in sample
        objects = [
            dataclasses.replace(one, text=f"{i} {one.text}" if has_class else str(i))
            for i, one in enumerate(objects, 1)
        ]
    return objects


def _rows(
    sample: Mapping[str, Any], names: Names, color_by: str, min_score: float
) -> Iterator[DrawnObject]:
    captions = sample.get("texts", sample.get("captions"))
    boxes = sample.get("boxes")
    count = len(boxes) if boxes is not None else len(captions) if captions is not None else 0
    count = min(count, int(sample.get("num_detections", count)))
    labels, scores = sample.get("labels"), sample.get("scores")
    for row in range(count):
        label = int(labels[row]) if labels is not None else row
        if label < 0 or (scores is not None and scores[row] < min_score):
            continue
        if boxes is not None and not np.isfinite(boxes[row]).all():
            continue
        one_class = captions is not None and len(names.objects) == 1
        by_row = color_by == "object" or labels is None or one_class
        # The name of a single class is left out where each object has its own color.
        has_class = labels is not None and not (by_row and len(names.objects) == 1)
        words = [names.object(label)] if has_class else []
        if scores is not None:
            words.append(f"{float(scores[row]):.2f}")
        special = [key for key in ("crowd", "difficult") if key in sample and sample[key][row]]
        yield DrawnObject(
            row,
            None if boxes is None else np.asarray(boxes[row], np.float64),
            object_color(row % _COLORS if by_row else label),
            " ".join(words + [f"({key})" for key in special]),
            bool(special),
            names.sentence(captions[row]) if captions is not None else "",
        )


def _one_object(
    sample: Mapping[str, Any], names: Names, others: list[DrawnObject]
) -> list[DrawnObject]:
    """Returns the object of a localization sample, unless there is none or it is among `others`."""
    box = np.asarray(sample["box"], np.float64)
    label = int(sample.get("label", 0))
    if label < 0 or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        return []
    if any(one.box is not None and np.allclose(one.box, box, atol=0.5) for one in others):
        return []
    text = label_text(sample, names) if "label" in sample else ""
    return [DrawnObject(0, box, object_color(label), text)]


def label_text(sample: Mapping[str, Any], names: Names) -> str:
    """Returns the class of the image, with its score where the prediction has one per class."""
    label = int(sample["label"])
    scores = np.asarray(sample.get("scores", 0.0))
    if scores.ndim != 1 or "boxes" in sample:
        return names.label(label)
    return f"{names.label(label)} {float(scores[label]):.2f}"
