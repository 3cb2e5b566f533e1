"""Sliding windows of one size over an image pyramid: their boxes, loss and detections."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from zoo.boxes.box_formats import clip
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import mark_valid, on_ignored
from zoo.detection.postprocessing import Selection, select
from zoo.layers.image_pyramid import exact
from zoo.layers.portable import only_portable
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class Windows:
    """Positions of a window on all levels, and settings of the loss.

    Attributes:
        side: side of the window in pixels of a level.
        stride: pixels of a level between positions.
        factors: vertical and horizontal scale of each level.
        positive_iou: IoU with a ground-truth box from which a window is positive.
        negative_iou: IoU with all ground-truth boxes below which a window is negative.
        samples: windows sampled per image for the loss.
        positive_fraction: maximum fraction of positive windows among them.
        hard_negatives: whether the negatives of highest score are sampled, instead of random ones.
    """

    side: int
    stride: int
    factors: tuple[tuple[float, float], ...]
    positive_iou: float = 0.5
    negative_iou: float = 0.3
    samples: int = 128
    positive_fraction: float = 0.25
    hard_negatives: bool = True

    def boxes(self, maps: Sequence[Any]):
        """Returns windows (A, 4) of maps (B, h, w, …) per level, in pixels of the model input."""
        boxes = []
        for scores, (down, across) in zip(maps, self.factors, strict=True):
            rows, columns = ops.shape(scores)[1:3]
            boxes.append(self._level(rows, columns, down, across))
        return ops.concatenate(boxes, axis=0)

    def _level(self, rows, columns, down: float, across: float):
        y = ops.cast(self.stride * ops.arange(rows, dtype="int32"), "float32")[:, None]
        x = ops.cast(self.stride * ops.arange(columns, dtype="int32"), "float32")[None]
        zeros = ops.zeros_like(x + y)
        scale_y, scale_x = float(exact(down)), float(exact(across))
        edges = [
            (x + zeros) / scale_x,
            (y + zeros) / scale_y,
            (x + zeros + self.side) / scale_x,
            (y + zeros + self.side) / scale_y,
        ]
        return ops.reshape(ops.stack(edges, axis=-1), (-1, 4))


@keras.saving.register_keras_serializable(package="zoo")
class WindowDetector(Detector):
    """A classifier applied to every window on every level in one pass.

    `scores` are logits (B, h, w, K + 1) of each level, background first.
    """

    def __init__(
        self,
        inputs: Any,
        scores: Sequence[Any],
        *,
        windows: Windows,
        selection: Selection,
        name: str,
    ):
        outputs = {f"level{number}": each for number, each in enumerate(scores)}
        super().__init__(inputs, outputs, losses=("class",), task="detection", name=name)
        self.windows, self.selection = windows, selection
        self.seeds = keras.random.SeedGenerator(0)

    @property
    def num_classes(self) -> int:
        return self.output["level0"].shape[-1] - 1

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        windows, truth = self.windows, mark_valid(targets)
        boxes, logits = self._windows(outputs)
        matched, labels = Matcher(windows.positive_iou, windows.negative_iou)(
            iou(boxes[None], truth["boxes"]), truth["valid"], on_ignored(boxes[None], truth)
        )
        noise = keras.random.uniform(ops.shape(labels), seed=self.seeds if training else 1)
        if windows.hard_negatives:
            objectness = 1.0 - ops.softmax(ops.stop_gradient(logits), axis=-1)[..., 0]
            noise = ops.where(labels == 0, 0.999 * objectness, noise)
        index, sampled = balanced_sample(
            labels, windows.samples, windows.positive_fraction, noise=noise
        )
        matched = ops.take_along_axis(matched, index, axis=1)
        label = ops.take_along_axis(ops.cast(truth["labels"], "int32"), matched, axis=1)
        positive = ops.take_along_axis(labels, index, axis=1) == 1
        chosen = ops.take_along_axis(logits, index[..., None], axis=1)
        loss = softmax_cross_entropy(chosen, ops.where(positive, label + 1, 0))
        return {"class": mean_where(loss, sampled)}

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        boxes, logits = self._windows(outputs)
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        if only_portable():
            # See `zoo.detection.two_stage.box_branch`.
            scores = scores + 1e-9
        count, classes = scores.shape[1:]
        clipped = clip(boxes, transform.resized_height, transform.resized_width)[None, :, None]
        detections = select(
            ops.reshape(clipped + ops.zeros_like(scores)[..., None], (-1, count * classes, 4)),
            ops.reshape(scores, (-1, count * classes)),
            classes=classes,
            selection=self.selection,
        )
        return {**detections, "boxes": transform.restore_boxes(detections["boxes"])}

    def _windows(self, outputs: Mapping[str, Any]):
        """Boxes (A, 4) and float32 logits (B, A, K + 1) of the windows of all levels."""
        maps = [outputs[f"level{number}"] for number in range(len(self.windows.factors))]
        batch, *_, classes = ops.shape(maps[0])
        flat = [
            ops.reshape(ops.cast(each, "float32"), (batch, each.shape[1] * each.shape[2], classes))
            if None not in each.shape[1:3]
            else ops.reshape(ops.cast(each, "float32"), (batch, -1, classes))
            for each in maps
        ]
        return self.windows.boxes(maps), ops.concatenate(flat, axis=1)
