"""What there is to find in an image, and what a detector is not asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.boxes.overlap import crowd_iou

Tensors = Mapping[str, Any]


def truth_of(targets: Tensors) -> dict[str, Any]:
    """What there is to find: objects with area that are neither crowds nor marked difficult.

    Args:
        targets: `boxes` (B, N, 4), `labels` (B, N), `crowd`, `difficult` (B, N) and others.

    Returns:
        The targets with `valid` and `ignored` (B, N) bool beside.
    """
    boxes = ops.cast(targets["boxes"], "float32")
    there = ops.logical_and(
        targets["labels"] >= 0, ops.all(boxes[..., 2:] - boxes[..., :2] > 0, axis=-1)
    )
    exempt = ops.zeros_like(there)
    for key in ("crowd", "difficult"):
        if key in targets:
            exempt = ops.logical_or(exempt, ops.cast(targets[key], "bool"))
    return {
        **targets,
        "boxes": ops.where(there[..., None], boxes, 0.0),
        "valid": ops.logical_and(there, ops.logical_not(exempt)),
        "ignored": ops.logical_and(there, exempt),
    }


def on_ignored(boxes, truth: Tensors):
    """Which boxes lie, by half, on which crowds and difficult objects: (B, A, N) bool.

    Args:
        boxes: (B, A, 4), or (1, A, 4) for all images.
        truth: as `truth_of` gives.
    """
    covered = crowd_iou(boxes, truth["boxes"]) >= 0.5
    return ops.logical_and(covered, truth["ignored"][:, None])
