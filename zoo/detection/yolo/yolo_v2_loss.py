"""YOLOv2's predictions and loss (Redmon & Farhadi, CVPR 2017): boxes from anchor priors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from zoo.boxes.overlap import iou, paired_iou
from zoo.detection.ground_truth import Tensors, mark_valid
from zoo.errors import InputError
from zoo.losses.detection_losses import per_image, softmax_cross_entropy

Priors = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class YoloV2Settings:
    """Anchor priors, and factors of the loss as in the authors' code.

    Attributes:
        anchor_priors: (width, height) of each prior in cells.
        stride: pixels per cell.
        box: factor of the box loss.
        object_: factor of the objectness loss of assigned predictions.
        no_object: factor of the objectness loss of other predictions.
        class_: factor of the class loss.
        exempt_iou: IoU with a ground-truth box above which a prediction has no objectness loss.
        rescore: whether the objectness target is the IoU with the ground truth; else 1.
        prior: factor of the loss that pulls unassigned predictions to their priors.
        prior_warmup_images: number of images for which that loss applies.
    """

    anchor_priors: Priors
    stride: int = 32
    box: float = 1.0
    object_: float = 5.0
    no_object: float = 1.0
    class_: float = 1.0
    exempt_iou: float = 0.6
    rescore: bool = True
    prior: float = 0.01
    prior_warmup_images: int = 12_800


def yolo_v2_predictions(cells, anchor_priors: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Splits an output map (B, h, w, A·(5 + C)), row by row with the priors of a cell in order.

    Returns `boxes` (B, h·w·A, 4) xyxy in cells, `raw` (B, h·w·A, 4): σ(t_x), σ(t_y), t_w, t_h,
    `objectness` (B, h·w·A) in [0, 1] and class `logits` (B, h·w·A, C).
    """
    height, width = ops.shape(cells)[1:3]
    count = len(anchor_priors)
    depth = cells.shape[-1] // count
    cells = ops.reshape(ops.cast(cells, "float32"), (-1, height * width * count, depth))
    index = ops.arange(height * width * count, dtype="int32")
    cell = index // count
    corner = ops.cast(ops.stack([cell % width, cell // width], axis=-1), "float32")
    priors = ops.take(ops.array(anchor_priors, "float32"), index % count, axis=0)
    offset = ops.sigmoid(cells[..., :2])
    center = offset + corner
    size = priors * ops.exp(ops.clip(cells[..., 2:4], -10.0, 10.0))
    return {
        "boxes": ops.concatenate([center - size / 2, center + size / 2], axis=-1),
        "raw": ops.concatenate([offset, cells[..., 2:4]], axis=-1),
        "objectness": ops.sigmoid(cells[..., 4]),
        "logits": cells[..., 5:],
    }


def yolo_v2_loss(
    predictions: Tensors,
    targets: Tensors,
    grid: tuple[Any, Any],
    settings: YoloV2Settings,
    *,
    prior_factor,
    annotated=None,
    class_loss: Callable[[Any, Any], Any] = softmax_cross_entropy,
) -> dict[str, Any]:
    """Computes `box`, `object`, `no_object`, `class` and `prior`: sums per image, mean over images.

    Args:
        predictions: predictions, as `yolo_v2_predictions` returns them.
        targets: dense padded ground truth.
        grid: height and width of the map in cells.
        settings: priors and factors of the loss.
        prior_factor: 1 during the prior warm-up, 0 after it.
        annotated: (B,) bool, images whose objects have boxes; None for all.
        class_loss: function from class logits (B, N, C) and labels (B, N) to losses (B, N).
    """
    truth = mark_valid(targets)
    if annotated is None:
        annotated = ops.ones_like(targets["labels"][:, 0], dtype="bool")
    annotated = annotated[:, None]
    truth["valid"] = ops.logical_and(truth["valid"], annotated)
    boxes = truth["boxes"] / settings.stride
    index, box_target, assigned = _assign(boxes, truth["valid"], grid, settings.anchor_priors)
    present = ops.logical_or(truth["valid"], truth["ignored"])
    overlaps = ops.where(present[:, None], iou(predictions["boxes"], boxes), 0.0)
    exempt = ops.max(overlaps, axis=-1) > settings.exempt_iou
    cells = ops.arange(ops.shape(predictions["objectness"])[1], dtype="int32")
    taken = ops.any(ops.logical_and(index[:, :, None] == cells, assigned[:, :, None]), axis=1)
    free = ops.logical_and(annotated, ops.logical_not(taken))
    empty = ops.logical_and(free, ops.logical_not(exempt))
    raw = ops.take_along_axis(predictions["raw"], index[..., None], axis=1)
    matched = ops.take_along_axis(predictions["boxes"], index[..., None], axis=1)
    objectness = ops.take_along_axis(predictions["objectness"], index, axis=1)
    logits = ops.take_along_axis(predictions["logits"], index[..., None], axis=1)
    sides = (truth["boxes"][..., 2:] - truth["boxes"][..., :2]) / settings.stride
    fraction = sides[..., 0] * sides[..., 1] / ops.cast(grid[0] * grid[1], "float32")
    box_error = (2.0 - fraction) * ops.sum(ops.square(raw - box_target), axis=-1) / 2
    objectness_target = ops.stop_gradient(paired_iou(matched, boxes)) if settings.rescore else 1.0
    label = ops.maximum(ops.cast(truth["labels"], "int32"), 0)
    object_error = ops.square(objectness_target - objectness) / 2
    empty_error = ops.square(predictions["objectness"]) / 2
    rest = ops.array([0.5, 0.5, 0.0, 0.0], "float32")
    prior_error = ops.sum(ops.square(predictions["raw"] - rest), axis=-1) / 2
    return {
        "box": settings.box * per_image(box_error, assigned),
        "object": settings.object_ * per_image(object_error, assigned),
        "no_object": settings.no_object * per_image(empty_error, empty),
        "class": settings.class_ * per_image(class_loss(logits, label), assigned),
        "prior": settings.prior * prior_factor * per_image(prior_error, free),
    }


def _assign(boxes, valid, grid: tuple[Any, Any], anchor_priors: Priors):
    """Assigns each box (B, N, 4), in cells, to the cell of its center and the prior of its shape.

    Returns the prediction's index (B, N), the box target (B, N, 4), and whether the prediction is
    assigned to the object (B, N): the last of several objects, as in the authors' code.
    """
    height, width = grid
    priors = ops.array(anchor_priors, "float32")
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 1e-6)
    centered = ops.concatenate([-size / 2, size / 2], axis=-1)
    shapes = ops.concatenate([-priors / 2, priors / 2], axis=-1)
    prior = ops.cast(ops.argmax(iou(centered, shapes), axis=-1), "int32")
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    last = ops.cast(ops.stack([width, height]), "int32") - 1
    cell = ops.clip(ops.cast(ops.floor(center), "int32"), 0, last)
    index = (cell[..., 1] * width + cell[..., 0]) * len(anchor_priors) + prior
    offset = center - ops.cast(cell, "float32")
    target = ops.concatenate([offset, ops.log(size / ops.take(priors, prior, axis=0))], axis=-1)
    order = ops.arange(boxes.shape[1])
    same = ops.logical_and(index[:, :, None] == index[:, None], valid[:, None])
    later = ops.logical_and(same, order[None, :, None] < order[None, None])
    return index, target, ops.logical_and(valid, ops.logical_not(ops.any(later, axis=-1)))


def check_priors(anchor_priors: Sequence[Sequence[float]]) -> Priors:
    """Returns the priors as pairs of floats; raises InputError for none, or one without area."""
    pairs = tuple((float(width), float(height)) for width, height in anchor_priors)
    if not pairs or not all(0 < side < math.inf for pair in pairs for side in pair):
        raise InputError(
            f"anchor_priors must be (width, height) pairs above 0 in cells, not {anchor_priors!r}."
        )
    return pairs
