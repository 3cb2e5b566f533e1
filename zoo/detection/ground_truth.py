"""Ground truth of a batch: the objects that count, and those that are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.boxes.overlap import crowd_iou

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


def on_ignored(boxes, truth: Tensors):
    """Returns whether each ignored object covers half of each box, (B or 1, A, 4): (B, A, N)."""
    covered = crowd_iou(boxes, truth["boxes"]) >= 0.5
    return ops.logical_and(covered, truth["ignored"][:, None])
