"""YOLOv1's reading of an image in cells: responsible boxes and squared errors (CVPR 2016)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.overlap import paired_iou
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import on_ignored, truth_of
from zoo.detection.postprocessing import select_by_class
from zoo.layers.resize import ResizeTo
from zoo.layers.shapes import MapLayer, check_map, height_width
from zoo.losses.detection_losses import per_image

CELL_LOSSES = ("box", "object", "no_object", "class")


@dataclasses.dataclass(frozen=True)
class YoloV1Settings:
    """What the last vector says, and the weights of the losses.

    Attributes:
        side: cells a side, S.
        boxes: boxes a cell, B.
        classes: C.
        square_root: whether the square roots of width and height are predicted.
        softmax: whether class scores pass a softmax; the paper takes them as they are.
        box, object_, no_object, class_: factors of the parts, λ_coord = 5 and λ_noobj = ½.
        rescore: whether the confidence to learn is the overlap with the truth; else 1.
        score_threshold, nms_iou, detections, candidates, class_agnostic: of the answers.
    """

    side: int
    boxes: int
    classes: int
    square_root: bool = True
    softmax: bool = False
    box: float = 5.0
    object_: float = 1.0
    no_object: float = 0.5
    class_: float = 1.0
    rescore: bool = True
    score_threshold: float = 0.005
    nms_iou: float = 0.5
    detections: int = 100
    candidates: int = 1000
    class_agnostic: bool = False

    @property
    def outputs(self) -> int:
        """Numbers that say an image: S·S·(C + 5·B)."""
        return self.side**2 * (self.classes + 5 * self.boxes)


@keras.saving.register_keras_serializable(package="zoo")
class InputSize(MapLayer):
    """Height and width of maps (N, H, W, C) as (N, 2) float32."""

    def call(self, inputs):
        size = ops.cast(ops.stack(height_width(inputs)), "float32")
        return ops.broadcast_to(size, (ops.shape(inputs)[0], 2))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((check_map(inputs.shape, "InputSize")[0], 2), "float32")


def stretched(x, height: int, width: int):
    """Maps of any size resized, the aspect ratio aside, to what dense layers need."""
    if x.shape[1:3] == (height, width):
        return x
    return ResizeTo(height, width, name="stretch")(x)


@keras.saving.register_keras_serializable(package="zoo")
class YoloV1Detector(Detector):
    """One look at the whole image: every cell has a few boxes, and one class for all of them.

    Args:
        inputs, outputs, name: of the graph; the output `cells` (B, S·S·(C + 5·B)) holds class
            scores (S, S, C), then confidences (S, S, B), then boxes (S, S, B, 4): x, y in the cell
            and √w, √h of the image; this is the order of Darknet's files. `canvas` (B, 2) is the
            size of what the model was given.
        settings: see `YoloV1Settings`.
    """

    def __init__(self, inputs, outputs, *, settings: YoloV1Settings, name: str | None = None):
        super().__init__(inputs, outputs, losses=CELL_LOSSES, task="detection", name=name)
        self.settings = settings

    def predictions(self, cells) -> dict[str, Any]:
        """What the vector says: `classes` (B, S·S, C), `confidence` (B, S·S, B), `raw` and `boxes`
        (B, S·S, B, 4), xyxy as shares of the canvas."""
        settings = self.settings
        cells = ops.cast(cells, "float32")
        count = settings.side**2
        first = count * settings.classes
        second = first + count * settings.boxes
        classes = ops.reshape(cells[:, :first], (-1, count, settings.classes))
        raw = ops.reshape(cells[:, second:], (-1, count, settings.boxes, 4))
        transform_images = ops.arange(count, dtype="int32")
        corner = ops.cast(
            ops.stack([transform_images % settings.side, transform_images // settings.side], -1),
            "float32",
        )
        centre = (raw[..., :2] + corner[:, None]) / settings.side
        size = ops.square(raw[..., 2:]) if settings.square_root else raw[..., 2:]
        return {
            "classes": ops.softmax(classes, axis=-1) if settings.softmax else classes,
            "confidence": ops.reshape(cells[:, first:second], (-1, count, settings.boxes)),
            "raw": raw,
            "boxes": ops.concatenate([centre - size / 2, centre + size / 2], axis=-1),
        }

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        settings = self.settings
        found = self.predictions(outputs["cells"])
        truth = truth_of(targets)
        canvas = _corners_of(outputs["canvas"])
        boxes = truth["boxes"] / canvas
        transform_images, aim, own = self._responsible_cells(boxes, truth["valid"])
        mine = {key: _rows(value, transform_images) for key, value in found.items()}
        overlap = ops.stop_gradient(paired_iou(mine["boxes"], boxes[:, :, None]))
        predictions = self._responsible_boxes(mine, boxes, overlap)
        chosen = ops.logical_and(predictions, own[..., None])
        cells = ops.arange(settings.side**2, dtype="int32")
        here = ops.cast(transform_images[..., None] == cells, "float32")
        taken = ops.einsum("bnc,bnk->bck", here, ops.cast(chosen, "float32")) > 0.5
        flat = ops.reshape(found["boxes"], (-1, settings.side**2 * settings.boxes, 4))
        ignored = ops.any(on_ignored(flat * canvas, truth), axis=-1)
        silent = ops.logical_not(ops.logical_or(taken, ops.reshape(ignored, ops.shape(taken))))
        label = ops.maximum(ops.cast(truth["labels"], "int32"), 0)
        wanted = ops.one_hot(label, settings.classes, dtype="float32")
        away = ops.sum(ops.square(mine["raw"] - aim[:, :, None]), axis=-1)
        goal = overlap if settings.rescore else 1.0
        wrong = ops.sum(ops.square(mine["classes"] - wanted), axis=-1)
        return {
            "box": settings.box * per_image(away, chosen),
            "object": settings.object_ * per_image(ops.square(goal - mine["confidence"]), chosen),
            "no_object": settings.no_object * per_image(ops.square(found["confidence"]), silent),
            "class": settings.class_ * per_image(wrong, own),
        }

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        settings = self.settings
        found = self.predictions(outputs["cells"])
        rows = settings.side**2 * settings.boxes
        canvas = _corners_of(outputs["canvas"])
        boxes = ops.reshape(found["boxes"], (-1, rows, 4)) * canvas
        scores = found["confidence"][..., None] * found["classes"][:, :, None]
        # Linear outputs are not bound to be probabilities.
        scores = ops.reshape(ops.clip(scores, 0.0, 1.0), (-1, rows, settings.classes))
        return select_by_class(boxes, scores, transform, settings)

    def _responsible_cells(self, boxes, valid):
        """The cell of each truth.

        Args:
            boxes: (B, N, 4) xyxy as shares of the canvas; valid: (B, N).

        Returns:
            Its place (B, N), what a box of it should say (B, N, 4), and whether the truth is the
            cell's (B, N): of two truths with one cell the first has it, as in the authors' code.
        """
        side = self.settings.side
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2 * side
        cell = ops.clip(ops.cast(ops.floor(centre), "int32"), 0, side - 1)
        transform_images = cell[..., 1] * side + cell[..., 0]
        size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
        # The root has no gradient at 0, but none flows to a truth.
        size = ops.sqrt(size) if self.settings.square_root else size
        aim = ops.concatenate([centre - ops.cast(cell, "float32"), size], axis=-1)
        rows = ops.arange(boxes.shape[1])
        earlier = ops.logical_and(
            ops.logical_and(
                transform_images[:, :, None] == transform_images[:, None], valid[:, None]
            ),
            rows[None, None] < rows[None, :, None],
        )
        own = ops.logical_and(valid, ops.logical_not(ops.any(earlier, axis=-1)))
        return transform_images, aim, own

    def _responsible_boxes(self, mine, boxes, overlap):
        """Of the boxes of each truth's cell, the one that overlaps it most, or, where none does,
        the one nearest in centre and size, as in the authors' code: (B, N, boxes) bool."""
        away = mine["boxes"] - boxes[:, :, None]
        first, last = away[..., :2], away[..., 2:]
        distance = ops.sum(ops.square((first + last) / 2) + ops.square(last - first), axis=-1)
        some = ops.max(overlap, axis=-1, keepdims=True) > 0
        merit = ops.stop_gradient(ops.where(some, overlap, -distance))
        return ops.one_hot(ops.argmax(merit, axis=-1), self.settings.boxes, dtype="float32") > 0.5


def _corners_of(canvas):
    """Heights and widths (B, 2) as factors of boxes, (B, 1, 4): width, height twice."""
    canvas = ops.cast(canvas, "float32")
    return ops.tile(ops.flip(canvas, axis=-1), (1, 2))[:, None]


def _rows(values, transform_images):
    """Rows (B, N, …) of (B, cells, …) at `place` (B, N)."""
    index = ops.reshape(
        transform_images, (*ops.shape(transform_images), *(1 for _ in values.shape[2:]))
    )
    return ops.take_along_axis(values, index, axis=1)
