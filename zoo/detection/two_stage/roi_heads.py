"""Regions of an image: which to learn from, what their maps look like, what is in them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.coder import decode, encode
from zoo.boxes.formats import clip
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample, most_positives
from zoo.detection.ground_truth import Tensors, on_ignored
from zoo.detection.postprocessing import select
from zoo.layers.portable import only_portable
from zoo.layers.roi_align import roi_align
from zoo.layers.roi_pool import roi_pool
from zoo.losses.detection_losses import mean_where, smooth_l1, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class RegionSampling:
    """Which proposals the second stage learns from.

    Attributes:
        count: an image.
        positive_fraction: at most so many of them show an object.
        positive_iou: overlap with a truth from which on a region shows it.
        background_iou: least overlap of a background region (Fast R-CNN: 0.1).
    """

    count: int = 512
    positive_fraction: float = 0.25
    positive_iou: float = 0.5
    background_iou: float = 0.0

    @property
    def positives(self) -> int:
        """Most regions per image that show an object; they come first."""
        return most_positives(self.count, self.positive_fraction)

    def __call__(self, proposals, valid, truth: Tensors, seed) -> dict[str, Any]:
        """Samples proposals and the truth's own boxes.

        Args:
            proposals: (B, R, 4); valid: (B, R).
            truth: as `truth_of` gives.
            seed: of the sample.

        Returns:
            `boxes` (B, S, 4), `classes` (B, S): 0 background, label + 1 else; `truth` (B, S): the
            row of the object shown; `sampled`, `positive` (B, S) bool. Positive ones come first.
        """
        boxes = ops.stop_gradient(ops.concatenate([proposals, truth["boxes"]], axis=1))
        there = ops.concatenate([valid, truth["valid"]], axis=1)
        overlaps = iou(boxes, truth["boxes"])
        matcher = Matcher(
            self.positive_iou, self.positive_iou, force_best=False, floor=self.background_iou
        )
        matched, labels = matcher(overlaps, truth["valid"], on_ignored(boxes, truth), there)
        index, sampled = balanced_sample(labels, self.count, self.positive_fraction, seed)
        positive = ops.logical_and(sampled, ops.take_along_axis(labels, index, axis=1) == 1)
        row = ops.take_along_axis(matched, index, axis=1)
        label = ops.take_along_axis(ops.cast(truth["labels"], "int32"), row, axis=1)
        return {
            "boxes": ops.take_along_axis(boxes, index[..., None], axis=1),
            "classes": ops.where(positive, label + 1, 0),
            "truth": row,
            "sampled": sampled,
            "positive": positive,
        }


@dataclasses.dataclass(frozen=True)
class Pooler:
    """Maps of one size for regions of any size.

    Attributes:
        size: cells a side.
        kind: `"align"` (Mask R-CNN) or `"pool"` (Fast R-CNN).
        sampling_ratio, aligned: of `zoo.layers.roi_align`.
    """

    size: int
    kind: str = "align"
    sampling_ratio: int = 2
    aligned: bool = False

    def __call__(self, maps: Mapping[int, Any], boxes):
        """{level: map (B, h, w, C)} and boxes (B, R, 4) → (B·R, size, size, C)."""
        if self.kind == "pool":
            ((level, single),) = maps.items()
            pooled = roi_pool(single, boxes, self.size, 2**level)
        else:
            pooled = roi_align(
                maps, boxes, self.size, sampling_ratio=self.sampling_ratio, aligned=self.aligned
            )
        return ops.reshape(pooled, (-1, *pooled.shape[2:]))


@dataclasses.dataclass(frozen=True)
class BoxBranch:
    """Which class a region shows, and its box made better.

    Attributes:
        pooler: of the maps.
        head: from maps (N, size, size, C) to `[logits (N, K + 1), deltas (N, 4·(K + 1))]`.
        weights: factors of the four deltas, as `zoo.boxes.coder` has them.
        beta: of the smooth L1 loss.
        score_threshold, nms_iou, detections: of the answers.
        candidates: boxes of all classes that enter the final suppression, best first.
    """

    pooler: Pooler
    head: keras.Model
    weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    beta: float = 1.0
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    detections: int = 100
    candidates: int = 1000

    def forward(self, maps: Mapping[int, Any], boxes, training: bool):
        """Class logits (B, R, K + 1) and deltas (B, R, K + 1, 4) of regions, in float32."""
        logits, deltas = self.head(self.pooler(maps, boxes), training=training)
        regions, classes = boxes.shape[1], logits.shape[-1]
        return (
            ops.reshape(ops.cast(logits, "float32"), (-1, regions, classes)),
            ops.reshape(ops.cast(deltas, "float32"), (-1, regions, classes, 4)),
        )

    def losses(self, logits, deltas, sample: Tensors, truth: Tensors) -> tuple[Any, ...]:
        """Class and box loss over the sampled regions of the batch."""
        sampled = sample["sampled"]
        class_loss = mean_where(softmax_cross_entropy(logits, sample["classes"]), sampled)
        boxes = ops.take_along_axis(truth["boxes"], sample["truth"][..., None], axis=1)
        targets = encode(boxes, sample["boxes"], self.weights)
        own = ops.take_along_axis(deltas, sample["classes"][..., None, None], axis=2)[:, :, 0]
        distance = ops.sum(smooth_l1(own - targets, self.beta), axis=-1)
        distance = ops.sum(ops.where(sample["positive"], distance, 0.0))
        count = ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)
        return class_loss, distance / count

    def postprocess(self, logits, deltas, boxes, valid, height, width) -> dict[str, Any]:
        """Final boxes on the canvas, best first, each class suppressed for itself.

        Args:
            logits, deltas: as `look` gives.
            boxes, valid: of the regions, (B, R, 4) and (B, R).
            height, width: where the image ends on the canvas.

        Returns:
            `boxes` (B, D, 4), `labels` (B, D), `scores` (B, D), `num_detections` (B,).
        """
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        return self.postprocess_scores(scores, deltas[:, :, 1:], boxes, valid, height, width)

    def postprocess_scores(self, scores, deltas, boxes, valid, height, width) -> dict[str, Any]:
        """As `answer`, from scores (B, R, K) and deltas (B, R, K, 4) without the background."""
        if only_portable():
            # An int8 file would else carry the 256 levels of its softmax on, and lose −inf to them.
            scores = scores + 1e-9
        scores = ops.where(valid[..., None], scores, -math.inf)
        found = clip(decode(deltas, boxes[:, :, None], self.weights), height, width)
        return select(
            ops.reshape(found, (-1, found.shape[1] * found.shape[2], 4)),
            ops.reshape(scores, (-1, scores.shape[1] * scores.shape[2])),
            classes=scores.shape[2],
            candidates=self.candidates,
            detections=self.detections,
            nms_iou=self.nms_iou,
            score_threshold=self.score_threshold,
        )


def maps_of(outputs: Mapping[str, Any]) -> dict[int, Any]:
    """{level: map} among a model's outputs, which names them `p` and their level."""
    return {int(key[1:]): value for key, value in outputs.items() if key[1:].isdecimal()}
