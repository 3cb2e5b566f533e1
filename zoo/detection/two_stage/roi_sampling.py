"""Sampling of the RoIs that the second stage is trained on (Girshick, *Fast R-CNN*, ICCV 2015)."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras import ops

from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample, most_positives
from zoo.detection.ground_truth import Tensors, on_ignored


@dataclasses.dataclass(frozen=True)
class RoiSampling:
    """Samples RoIs among the proposals and the ground-truth boxes.

    An RoI is positive from `positive_iou` with a ground-truth box on, and background from
    `background_iou` on (0.1 in Fast R-CNN); `positive_fraction` is a maximum.
    """

    rois_per_image: int = 512
    positive_fraction: float = 0.25
    positive_iou: float = 0.5
    background_iou: float = 0.0

    @property
    def positives(self) -> int:
        """Maximum number of positive RoIs per image; they come first."""
        return most_positives(self.rois_per_image, self.positive_fraction)

    def __call__(self, proposals, valid, truth: Tensors, seed) -> dict[str, Any]:
        """Samples among proposals (B, R, 4), `valid` (B, R); no gradient flows through.

        Returns:
            `boxes` (B, S, 4); `classes` (B, S), 0 for background, label + 1 else; `matched` (B, S),
            index of the ground-truth object; `sampled` and `positive` (B, S) bool. Positive RoIs
            come first.
        """
        boxes = ops.stop_gradient(ops.concatenate([proposals, truth["boxes"]], axis=1))
        candidates = ops.concatenate([valid, truth["valid"]], axis=1)
        matcher = Matcher(
            self.positive_iou, self.positive_iou, force_best=False, floor=self.background_iou
        )
        matched, labels = matcher(
            iou(boxes, truth["boxes"]), truth["valid"], on_ignored(boxes, truth), candidates
        )
        index, sampled = balanced_sample(labels, self.rois_per_image, self.positive_fraction, seed)
        positive = ops.logical_and(sampled, ops.take_along_axis(labels, index, axis=1) == 1)
        matched = ops.take_along_axis(matched, index, axis=1)
        label = ops.take_along_axis(ops.cast(truth["labels"], "int32"), matched, axis=1)
        return {
            "boxes": ops.take_along_axis(boxes, index[..., None], axis=1),
            "classes": ops.where(positive, label + 1, 0),
            "matched": matched,
            "sampled": sampled,
            "positive": positive,
        }
