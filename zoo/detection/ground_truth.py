"""Ground truth of a batch: the objects that count, and those that are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keras import ops

from zoo.boxes.overlap import crowd_iou
from zoo.tasks.captioning_task import UNKNOWN
from zoo.tasks.label_limits import LabelLimit

Tensors = Mapping[str, Any]


def mark_valid(targets: Tensors) -> dict[str, Any]:
    """Returns the targets with `valid` and `ignored` (B, N) bool; boxes of padding are zeros.

    Valid are objects with area that are neither `crowd` nor `difficult` (B, N), both optional.
    """
    boxes = ops.cast(targets["boxes"], "float32")
    present = ops.logical_and(
        targets["labels"] >= 0, ops.all(boxes[..., 2:] - boxes[..., :2] > 0, axis=-1)
    )
    exempt = ops.zeros_like(present)
    for key in ("crowd", "difficult"):
        if key in targets:
            exempt = ops.logical_or(exempt, ops.cast(targets[key], "bool"))
    return {
        **targets,
        "boxes": ops.where(present[..., None], boxes, 0.0),
        "valid": ops.logical_and(present, ops.logical_not(exempt)),
        "ignored": ops.logical_and(present, exempt),
    }


def within_limits(limits: Iterable[LabelLimit], targets: Tensors) -> dict[str, Any]:
    """Returns the targets with finite losses for labels beyond the limits.

    `fit` raises an error for them; where it cannot, these objects are ignored like difficult ones,
    and such token ids are those of unknown words.
    """
    targets = dict(targets)
    for limit in limits:
        if limit.key == "labels":
            labels = targets["labels"]
            beyond = labels >= limit.count
            targets["labels"] = ops.where(beyond, limit.count - 1, labels)
            difficult = ops.cast(targets.get("difficult", ops.zeros_like(beyond)), "bool")
            targets["difficult"] = ops.logical_or(difficult, beyond)
        elif limit.key == "label" and "label" in targets:
            targets["label"] = ops.minimum(targets["label"], limit.count - 1)
        elif limit.key == "captions":
            ids = targets["captions"]
            targets["captions"] = ops.where(ids >= limit.count, UNKNOWN, ids)
    return targets


def on_ignored(boxes, truth: Tensors):
    """Returns whether each ignored object covers half of each box, (B or 1, A, 4): (B, A, N)."""
    covered = crowd_iou(boxes, truth["boxes"]) >= 0.5
    return ops.logical_and(covered, truth["ignored"][:, None])
