"""YOLOv2's reading of a grid of cells: locations, responsibility, losses (CVPR 2017)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from zoo.boxes.overlap import iou, paired_iou
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import truth_of
from zoo.detection.postprocessing import select_by_class
from zoo.errors import InputError
from zoo.losses.detection_losses import per_image, softmax_cross_entropy

GRID_LOSSES = ("box", "object", "no_object", "class", "prior")


@dataclasses.dataclass(frozen=True)
class YoloV2Settings:
    """Anchors, and the weights of the losses as in the authors' code.

    Attributes:
        anchors: (width, height) of each prior in cells.
        stride: pixels a cell.
        box, object_, no_object, class_: factors of the parts.
        exempt_iou: a prediction overlapping any truth by more is not told that nothing is there.
        rescore: whether the objectness to learn is the overlap with the truth; else 1.
        prior, warm_up: factor of the pull towards the priors, and for how many images.
        score_threshold, nms_iou, detections, candidates, class_agnostic: of the answers.
    """

    anchors: tuple[tuple[float, float], ...]
    stride: int = 32
    box: float = 1.0
    object_: float = 5.0
    no_object: float = 1.0
    class_: float = 1.0
    exempt_iou: float = 0.6
    rescore: bool = True
    prior: float = 0.01
    warm_up: int = 12_800
    score_threshold: float = 0.005
    nms_iou: float = 0.45
    detections: int = 100
    candidates: int = 1000
    class_agnostic: bool = False


@keras.saving.register_keras_serializable(package="zoo")
class YoloV2Detector(Detector):
    """One look: every cell of the last map predicts boxes from priors, and what is in them.

    Args:
        inputs, outputs, name: of the graph; the output `cells` is (B, h, w, A·(5 + C)), for each
            prior t_x, t_y, t_w, t_h, objectness and the class logits.
        settings: see `YoloV2Settings`.
    """

    def __init__(self, inputs, outputs, *, settings: YoloV2Settings, name: str | None = None):
        super().__init__(inputs, outputs, losses=GRID_LOSSES, task="detection", name=name)
        self.settings = settings
        self.seen = self.add_weight(
            name="seen", shape=(), dtype="float32", initializer="zeros", trainable=False
        )

    def predictions(self, cells) -> dict[str, Any]:
        """What the cells say, in cells of the grid.

        Returns:
            `boxes` (B, h·w·A, 4) xyxy, `raw` (B, h·w·A, 4): σ(t_x), σ(t_y), t_w, t_h, `objectness`
            (B, h·w·A) in 0…1, `logits` (B, h·w·A, C).
        """
        height, width = ops.shape(cells)[1:3]
        count = len(self.settings.anchors)
        cells = ops.reshape(
            ops.cast(cells, "float32"), (-1, height * width * count, cells.shape[-1] // count)
        )
        offset = ops.sigmoid(cells[..., :2])
        corner, priors = cell_layout(height, width, self.settings.anchors)
        centre = offset + corner
        size = priors * ops.exp(ops.clip(cells[..., 2:4], -10.0, 10.0))
        return {
            "boxes": ops.concatenate([centre - size / 2, centre + size / 2], axis=-1),
            "raw": ops.concatenate([offset, cells[..., 2:4]], axis=-1),
            "objectness": ops.sigmoid(cells[..., 4]),
            "logits": cells[..., 5:],
        }

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        settings = self.settings
        height, width = ops.shape(outputs["cells"])[1:3]
        found = self.predictions(outputs["cells"])
        truth = truth_of(targets)
        searched = self.searched(targets)[:, None]
        truth["valid"] = ops.logical_and(truth["valid"], searched)
        boxes = truth["boxes"] / settings.stride
        there = ops.logical_or(truth["valid"], truth["ignored"])
        transform_images, aim, own = self._responsible(boxes, truth["valid"], height, width)
        overlaps = ops.where(there[:, None], iou(found["boxes"], boxes), 0.0)
        exempt = ops.max(overlaps, axis=-1) > settings.exempt_iou
        cells = ops.arange(ops.shape(found["objectness"])[1], dtype="int32")
        taken = ops.any(
            ops.logical_and(transform_images[:, :, None] == cells, own[:, :, None]), axis=1
        )
        free = ops.logical_and(searched, ops.logical_not(taken))
        silent = ops.logical_and(free, ops.logical_not(exempt))
        raw = ops.take_along_axis(found["raw"], transform_images[..., None], axis=1)
        mine = ops.take_along_axis(found["boxes"], transform_images[..., None], axis=1)
        objectness = ops.take_along_axis(found["objectness"], transform_images, axis=1)
        logits = ops.take_along_axis(found["logits"], transform_images[..., None], axis=1)
        sides = (truth["boxes"][..., 2:] - truth["boxes"][..., :2]) / settings.stride
        share = sides[..., 0] * sides[..., 1] / ops.cast(height * width, "float32")
        box = (2.0 - share) * ops.sum(ops.square(raw - aim), axis=-1) / 2
        goal = ops.stop_gradient(paired_iou(mine, boxes)) if settings.rescore else 1.0
        label = ops.maximum(ops.cast(truth["labels"], "int32"), 0)
        return {
            "box": settings.box * per_image(box, own),
            "object": settings.object_ * per_image(ops.square(goal - objectness) / 2, own),
            "no_object": settings.no_object
            * per_image(ops.square(found["objectness"]) / 2, silent),
            "class": settings.class_ * per_image(self.class_loss(logits, label), own),
            "prior": self._pull(found["raw"], free, training),
        }

    def searched(self, targets: Mapping[str, Any]) -> Any:
        """Of which images (B,) the targets tell all objects."""
        return ops.ones_like(targets["labels"][:, 0], dtype="bool")

    def class_loss(self, logits, label):
        """Of class logits (B, N, C) of boxes with objects of known classes (B, N): (B, N)."""
        return softmax_cross_entropy(logits, label)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        settings = self.settings
        found = self.predictions(outputs["cells"])
        scores = found["objectness"][..., None] * ops.softmax(found["logits"], axis=-1)
        return select_by_class(found["boxes"] * settings.stride, scores, transform, settings)

    def _responsible(self, boxes, valid, height, width):
        """The prediction that answers for each truth.

        Args:
            boxes: (B, N, 4) xyxy in cells; valid: (B, N).

        Returns:
            Its place (B, N), what it should say (B, N, 4), and whether it does answer (B, N): the
            last of two truths with the same prediction has it, as in the authors' code.
        """
        priors = ops.array(self.settings.anchors, "float32")
        size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 1e-6)
        centred = ops.concatenate([-size / 2, size / 2], axis=-1)
        shapes = ops.concatenate([-priors / 2, priors / 2], axis=-1)
        prior = ops.cast(ops.argmax(iou(centred, shapes), axis=-1), "int32")
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        last = ops.cast(ops.stack([width, height]), "int32") - 1
        cell = ops.clip(ops.cast(ops.floor(centre), "int32"), 0, last)
        transform_images = (cell[..., 1] * width + cell[..., 0]) * len(
            self.settings.anchors
        ) + prior
        offset = centre - ops.cast(cell, "float32")
        aim = ops.concatenate([offset, ops.log(size / ops.take(priors, prior, axis=0))], axis=-1)
        rows = ops.arange(boxes.shape[1])
        later = ops.logical_and(
            ops.logical_and(
                transform_images[:, :, None] == transform_images[:, None], valid[:, None]
            ),
            rows[None, :, None] < rows[None, None],
        )
        own = ops.logical_and(valid, ops.logical_not(ops.any(later, axis=-1)))
        return transform_images, aim, own

    def _pull(self, raw, free, training: bool):
        """At first, predictions without a truth are drawn to their priors."""
        settings = self.settings
        early = ops.cast(self.seen < settings.warm_up, "float32")
        if training:
            self.seen.assign_add(ops.cast(ops.shape(raw)[0], "float32"))
        rest = ops.array([0.5, 0.5, 0.0, 0.0], "float32")
        distance = ops.sum(ops.square(raw - rest), axis=-1) / 2
        return settings.prior * early * per_image(distance, free)


def cell_layout(height, width, anchors: Sequence[Sequence[float]]) -> tuple[Any, Any]:
    """Of each prediction of a map, row by row, the anchors of a cell one after another: the corner
    (h·w·A, 2) of its cell, in cells, and its prior's width and height (h·w·A, 2)."""
    count = len(anchors)
    transform_images = ops.arange(height * width * count, dtype="int32")
    cell = transform_images // count
    corner = ops.cast(ops.stack([cell % width, cell // width], axis=-1), "float32")
    return corner, ops.take(ops.array(anchors, "float32"), transform_images % count, axis=0)


def check_anchors(name: str, anchors: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """The anchors as pairs of floats.

    Raises:
        InputError: none, or one without area.
    """
    pairs = tuple((float(width), float(height)) for width, height in anchors)
    if not pairs or not all(0 < side < math.inf for pair in pairs for side in pair):
        raise InputError(f"{name}: anchors are (width, height) above 0 in cells, not {anchors!r}.")
    return pairs
