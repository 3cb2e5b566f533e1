"""Which truth each candidate stands for, and whether it counts as positive or negative."""

from __future__ import annotations

import dataclasses

from keras import ops

from zoo.boxes.numerics import precise
from zoo.errors import InputError

# What float32 leaves of a tie.
TIE = 1e-6


@dataclasses.dataclass(frozen=True)
class Matcher:
    """Labels candidates (anchors, proposals) by their overlap with the truth.

    Ren et al., *Faster R-CNN*, NIPS 2015: positive from `high` on, or as the best for a truth;
    negative below `low` with every truth; what is between is ignored.

    Args:
        high: IoU with a truth from which on a candidate is positive.
        low: IoU below which, with all truths, it is negative.
        force_best: whether the candidates that overlap a truth best, all that tie to within 1e-6,
            are positive however little they overlap it, if they do at all. Each still stands for
            the truth that *it* overlaps best, as in the authors' code.
        floor: IoU that a negative needs with some truth; Fast R-CNN's background is [0.1, 0.5).

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
                f"A matcher needs 0 <= floor <= low <= high <= 1, not floor={self.floor}, "
                f"low={self.low}, high={self.high}."
            )

    def __call__(self, overlaps, valid, ignore=None, candidates=None):
        """Matches a batch; no gradient flows through.

        Args:
            overlaps: (…, A, N) IoU of A candidates with N truths, as `zoo.boxes.iou` gives.
            valid: (…, N) bool, False for padding, crowds and difficult ones.
            ignore: (…, A, M) bool, where a candidate lies on a region that is neither positive nor
                negative, `crowd_iou(anchors, crowds) > 0.5` say; unless positive it is ignored.
            candidates: (…, A) bool, False for those that are out of the game, such as anchors
                across the border; they are ignored and are no truth's best.

        Returns:
            The index of the truth that each candidate overlaps best (…, A) int32, the first of
            equals, 0 without truths; and its label (…, A) int32: 1 positive, 0 negative, −1
            ignored. Without a valid truth all are negative, or ignored where a floor is set.
        """
        valid = ops.expand_dims(ops.cast(valid, "bool"), -2)
        overlaps = ops.stop_gradient(precise(overlaps))
        if overlaps.shape[-1] == 0:
            raise InputError("The matcher needs room for a truth: pad to one at least.")
        nothing = ops.full_like(overlaps, -1.0)
        overlaps = ops.where(valid, overlaps, nothing)
        matched = ops.cast(ops.argmax(overlaps, axis=-1), "int32")
        best = ops.max(overlaps, axis=-1)
        positive = best >= self.high
        if self.force_best:
            positive = ops.logical_or(positive, self._best_for_a_truth(overlaps, candidates))
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

    def _best_for_a_truth(self, overlaps, candidates):
        if candidates is not None:
            there = ops.expand_dims(ops.cast(candidates, "bool"), -1)
            overlaps = ops.where(there, overlaps, ops.full_like(overlaps, -1.0))
        most = ops.max(overlaps, axis=-2, keepdims=True)
        tied = ops.logical_and(overlaps >= most - TIE, most > TIE)
        return ops.any(tied, axis=-1)
