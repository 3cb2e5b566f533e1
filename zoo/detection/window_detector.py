"""Windows of one size on a pyramid of the image: where they lie, and how they are learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from zoo.boxes.formats import clip
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import on_ignored, truth_of
from zoo.detection.postprocessing import select
from zoo.layers.image_pyramid import exact
from zoo.layers.portable import only_portable
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class Windows:
    """Placements of a window, and what is made of their scores.

    Attributes:
        side: of the window in pixels of a level.
        stride: between placements.
        factors: (down, across) of each level.
        positive_iou, negative_iou: a placement that overlaps a truth by the one shows it, one that
            overlaps every truth by less than the other shows none.
        samples, positive_fraction: placements an image that the loss looks at.
        hard: whether the background that is learned from is what looks most like an object, rather
            than drawn at random.
        candidates, detections, nms_iou, score_threshold: of the answers.
    """

    side: int
    stride: int
    factors: tuple[tuple[float, float], ...]
    positive_iou: float = 0.5
    negative_iou: float = 0.3
    samples: int = 128
    positive_fraction: float = 0.25
    hard: bool = True
    candidates: int = 1000
    detections: int = 100
    nms_iou: float = 0.3
    score_threshold: float = 0.05

    def boxes(self, maps: Sequence[Any]):
        """(A, 4) xyxy in pixels of the canvas: where the scores (B, h, w, …) of levels look."""
        found = []
        for scores, (down, across) in zip(maps, self.factors, strict=True):
            rows, columns = ops.shape(scores)[1:3]
            found.append(self._level(rows, columns, down, across))
        return ops.concatenate(found, axis=0)

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
    """A classifier of windows, run over every placement on every level at once.

    Args:
        inputs: the images' input.
        scores: logits (B, h, w, K + 1) of each level, background first.
        windows: what the scores are of.
        name: of the model.
    """

    def __init__(self, inputs: Any, scores: Sequence[Any], *, windows: Windows, name: str):
        outputs = {f"level{number}": each for number, each in enumerate(scores)}
        super().__init__(inputs, outputs, losses=("class",), task="detection", name=name)
        self.windows = windows
        self.seeds = keras.random.SeedGenerator(0)

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        windows, truth = self.windows, truth_of(targets)
        boxes, logits = self._placements(outputs)
        matched, labels = Matcher(windows.positive_iou, windows.negative_iou)(
            iou(boxes[None], truth["boxes"]), truth["valid"], on_ignored(boxes[None], truth)
        )
        noise = keras.random.uniform(ops.shape(labels), seed=self.seeds if training else 1)
        if windows.hard:
            likely = 1.0 - ops.softmax(ops.stop_gradient(logits), axis=-1)[..., 0]
            noise = ops.where(labels == 0, 0.999 * likely, noise)
        index, sampled = balanced_sample(
            labels, windows.samples, windows.positive_fraction, noise=noise
        )
        row = ops.take_along_axis(matched, index, axis=1)
        label = ops.take_along_axis(ops.cast(truth["labels"], "int32"), row, axis=1)
        positive = ops.take_along_axis(labels, index, axis=1) == 1
        chosen = ops.take_along_axis(logits, index[..., None], axis=1)
        loss = softmax_cross_entropy(chosen, ops.where(positive, label + 1, 0))
        return {"class": mean_where(loss, sampled)}

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        windows = self.windows
        boxes, logits = self._placements(outputs)
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        if only_portable():
            # As in `zoo.detection.two_stage.roi_heads`: an int8 file would else lose −inf.
            scores = scores + 1e-9
        count, classes = scores.shape[1:]
        cut = clip(boxes, transform.resized_height, transform.resized_width)[None, :, None]
        found = select(
            ops.reshape(cut + ops.zeros_like(scores)[..., None], (-1, count * classes, 4)),
            ops.reshape(scores, (-1, count * classes)),
            classes=classes,
            candidates=windows.candidates,
            detections=windows.detections,
            nms_iou=windows.nms_iou,
            score_threshold=windows.score_threshold,
        )
        return {**found, "boxes": transform.restore_boxes(found["boxes"])}

    def _placements(self, outputs: Mapping[str, Any]):
        """Boxes (A, 4) and float32 logits (B, A, K + 1) of all levels."""
        maps = [outputs[f"level{number}"] for number in range(len(self.windows.factors))]
        batch, *_, classes = ops.shape(maps[0])
        flat = [
            ops.reshape(ops.cast(each, "float32"), (batch, each.shape[1] * each.shape[2], classes))
            if None not in each.shape[1:3]
            else ops.reshape(ops.cast(each, "float32"), (batch, -1, classes))
            for each in maps
        ]
        return self.windows.boxes(maps), ops.concatenate(flat, axis=1)
