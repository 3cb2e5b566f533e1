"""Assignment of ground-truth boxes to anchors or proposals."""

from __future__ import annotations

import dataclasses

from keras import ops

from zoo.boxes.numerics import precise
from zoo.errors import InputError

# Tolerance of ties in float32.
TIE = 1e-6


@dataclasses.dataclass(frozen=True)
class Matcher:
    """Labels candidates (anchors or proposals) by their IoU with the ground truth.

    Ren et al., *Faster R-CNN*, NIPS 2015.

    Args:
        high: smallest IoU of a positive with some ground truth.
        low: IoU threshold below which a candidate is negative; those in between are ignored.
        force_best: whether the candidates with the highest IoU above 0 with a ground truth, up to
            ties of 1e-6, are positive. Each is still matched to the ground truth of *its* highest
            IoU, as in the authors' code.
        floor: smallest IoU of a negative with some ground truth, as in Fast R-CNN's [0.1, 0.5).

    Raises:
        InputError: unless 0 ≤ floor ≤ low ≤ high ≤ 1.
    """

    high: float
    low: float
    force_best: bool = True
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= self.low <= self.high <= 1:
            raise InputError(
                f"floor, low and high must be rising in [0, 1], not {self.floor}, {self.low} and "
                f"{self.high}."
            )

    def __call__(self, overlaps, valid, ignore=None, candidates=None):
        """Matches a batch; no gradient flows through.

        Args:
            overlaps: IoU (…, A, N) of A candidates with N ground-truth boxes.
            valid: valid ground truth (…, N) bool, False for padding, crowds and difficult objects.
            ignore: overlap (…, A, M) bool of candidates with regions to ignore, such as
                `crowd_iou(anchors, crowds) > 0.5`; positives are not affected.
            candidates: valid candidates (…, A) bool; others, such as anchors across the border, are
                ignored.

        Returns:
            The index (…, A) int32 of the ground truth of highest IoU, the first of equals, and the
            label (…, A) int32: 1 positive, 0 negative, −1 ignored. Without valid ground truth all
            are negative, or ignored if there is a floor.
        """
        valid = ops.expand_dims(ops.cast(valid, "bool"), -2)
        overlaps = ops.stop_gradient(precise(overlaps))
        if overlaps.shape[-1] == 0:
            raise InputError("the ground truth must be padded to at least one box, not 0.")
        overlaps = ops.where(valid, overlaps, ops.full_like(overlaps, -1.0))
        matched = ops.cast(ops.argmax(overlaps, axis=-1), "int32")
        best = ops.max(overlaps, axis=-1)
        positive = best >= self.high
        if self.force_best:
            positive = ops.logical_or(positive, self._best_per_truth(overlaps, candidates))
        negative = best < self.low
        if self.floor > 0:
            negative = ops.logical_and(negative, best >= self.floor)
        if ignore is not None:
            exempt = ops.any(ops.cast(ignore, "bool"), axis=-1)
            negative = ops.logical_and(negative, ops.logical_not(exempt))
        label = ops.where(positive, 1, ops.where(negative, 0, -1))
        if candidates is not None:
            label = ops.where(candidates, label, -1)
        return matched, ops.cast(label, "int32")

    def _best_per_truth(self, overlaps, candidates):
        if candidates is not None:
            valid = ops.expand_dims(ops.cast(candidates, "bool"), -1)
            overlaps = ops.where(valid, overlaps, ops.full_like(overlaps, -1.0))
        best = ops.max(overlaps, axis=-2, keepdims=True)
        tied = ops.logical_and(overlaps >= best - TIE, best > TIE)
        return ops.any(tied, axis=-1)
