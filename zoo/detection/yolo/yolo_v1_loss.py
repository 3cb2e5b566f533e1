"""YOLOv1's predictions and loss (Redmon et al., CVPR 2016): responsible boxes, squared errors."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras import ops

from zoo.boxes.overlap import paired_iou
from zoo.detection.ground_truth import Tensors, mark_valid, on_ignored
from zoo.layers.class_softmax import class_softmax
from zoo.losses.detection_losses import per_image


@dataclasses.dataclass(frozen=True)
class YoloV1Settings:
    """Layout of the output vector, and factors of the loss.

    Attributes:
        grid_size: cells per side, S.
        boxes: boxes per cell, B.
        classes: number of classes, C.
        square_root: whether the square roots of width and height are predicted.
        softmax: whether class scores pass a softmax; the paper uses them as they are.
        box: factor of the box loss, λ_coord.
        object_: factor of the confidence loss of responsible boxes.
        no_object: factor of the confidence loss of other boxes, λ_noobj.
        class_: factor of the class loss.
        rescore: whether the confidence target is the IoU with the ground truth; else 1.
    """

    grid_size: int
    boxes: int
    classes: int
    square_root: bool = True
    softmax: bool = False
    box: float = 5.0
    object_: float = 1.0
    no_object: float = 0.5
    class_: float = 1.0
    rescore: bool = True

    @property
    def outputs(self) -> int:
        """Values per image: S·S·(C + 5·B)."""
        return self.grid_size**2 * (self.classes + 5 * self.boxes)


def yolo_v1_predictions(cells, settings: YoloV1Settings) -> dict[str, Any]:
    """Splits output vectors (B, S·S·(C + 5·B)).

    Returns `classes` (B, S·S, C), `confidence` (B, S·S, B), `raw` (B, S·S, B, 4) and `boxes`
    (B, S·S, B, 4), xyxy as fractions of the model input.
    """
    cells = ops.cast(cells, "float32")
    side = settings.grid_size
    count = side**2
    first = count * settings.classes
    second = first + count * settings.boxes
    classes = ops.reshape(cells[:, :first], (-1, count, settings.classes))
    raw = ops.reshape(cells[:, second:], (-1, count, settings.boxes, 4))
    index = ops.arange(count, dtype="int32")
    corner = ops.cast(ops.stack([index % side, index // side], -1), "float32")
    center = (raw[..., :2] + corner[:, None]) / side
    size = ops.square(raw[..., 2:]) if settings.square_root else raw[..., 2:]
    return {
        "classes": class_softmax(classes) if settings.softmax else classes,
        "confidence": ops.reshape(cells[:, first:second], (-1, count, settings.boxes)),
        "raw": raw,
        "boxes": ops.concatenate([center - size / 2, center + size / 2], axis=-1),
    }


def yolo_v1_loss(
    predictions: Tensors, targets: Tensors, input_size, settings: YoloV1Settings
) -> dict[str, Any]:
    """Computes `box`, `object`, `no_object` and `class`: sums per image, mean over the images.

    `input_size` (B, 2) is the height and width of the model input in pixels.
    """
    truth = mark_valid(targets)
    corners = corner_factors(input_size)
    boxes = truth["boxes"] / corners
    index, box_target, assigned = _assign_cells(boxes, truth["valid"], settings)
    matched = {key: _rows(value, index) for key, value in predictions.items()}
    overlap = ops.stop_gradient(paired_iou(matched["boxes"], boxes[:, :, None]))
    responsible = _responsible_boxes(matched["boxes"], boxes, overlap)
    responsible = ops.logical_and(responsible, assigned[..., None])
    cells = ops.arange(settings.grid_size**2, dtype="int32")
    in_cell = ops.cast(index[..., None] == cells, "float32")
    taken = ops.einsum("bnc,bnk->bck", in_cell, ops.cast(responsible, "float32")) > 0.5
    flat = ops.reshape(predictions["boxes"], (-1, settings.grid_size**2 * settings.boxes, 4))
    ignored = ops.any(on_ignored(flat * corners, truth), axis=-1)
    free = ops.logical_not(ops.logical_or(taken, ops.reshape(ignored, ops.shape(taken))))
    label = ops.maximum(ops.cast(truth["labels"], "int32"), 0)
    one_hot = ops.one_hot(label, settings.classes, dtype="float32")
    box_error = ops.sum(ops.square(matched["raw"] - box_target[:, :, None]), axis=-1)
    confidence_target = overlap if settings.rescore else 1.0
    confidence_error = ops.square(confidence_target - matched["confidence"])
    class_error = ops.sum(ops.square(matched["classes"] - one_hot), axis=-1)
    return {
        "box": settings.box * per_image(box_error, responsible),
        "object": settings.object_ * per_image(confidence_error, responsible),
        "no_object": settings.no_object * per_image(ops.square(predictions["confidence"]), free),
        "class": settings.class_ * per_image(class_error, assigned),
    }


def corner_factors(input_size):
    """Returns heights and widths (B, 2) as factors (B, 1, 4) of xyxy boxes."""
    input_size = ops.cast(input_size, "float32")
    return ops.tile(ops.flip(input_size, axis=-1), (1, 2))[:, None]


def _assign_cells(boxes, valid, settings: YoloV1Settings):
    """Assigns each ground-truth box (B, N, 4), xyxy as fractions, to the cell of its center.

    Returns the cell's index (B, N), the box target (B, N, 4), and whether the cell is assigned to
    the object (B, N): the first of several objects in a cell.
    """
    side = settings.grid_size
    center = (boxes[..., :2] + boxes[..., 2:]) / 2 * side
    cell = ops.clip(ops.cast(ops.floor(center), "int32"), 0, side - 1)
    index = cell[..., 1] * side + cell[..., 0]
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    # The root has no gradient at 0, but none flows to the ground truth.
    size = ops.sqrt(size) if settings.square_root else size
    target = ops.concatenate([center - ops.cast(cell, "float32"), size], axis=-1)
    order = ops.arange(boxes.shape[1])
    same_cell = ops.logical_and(index[:, :, None] == index[:, None], valid[:, None])
    earlier = ops.logical_and(same_cell, order[None, None] < order[None, :, None])
    return index, target, ops.logical_and(valid, ops.logical_not(ops.any(earlier, axis=-1)))


def _responsible_boxes(predicted, boxes, overlap):
    """Returns the mask (B, N, boxes) of the box of highest IoU in each object's cell.

    Where all IoUs are 0, it is the box nearest in center and size, as in the authors' code.
    """
    difference = predicted - boxes[:, :, None]
    first, last = difference[..., :2], difference[..., 2:]
    distance = ops.sum(ops.square((first + last) / 2) + ops.square(last - first), axis=-1)
    overlapping = ops.max(overlap, axis=-1, keepdims=True) > 0
    merit = ops.stop_gradient(ops.where(overlapping, overlap, -distance))
    return ops.one_hot(ops.argmax(merit, axis=-1), overlap.shape[-1], dtype="float32") > 0.5


def _rows(values, index):
    """Rows (B, N, …) of values (B, cells, …) by index (B, N)."""
    index = ops.reshape(index, (*ops.shape(index), *(1 for _ in values.shape[2:])))
    return ops.take_along_axis(values, index, axis=1)
