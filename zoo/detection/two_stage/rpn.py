"""Region proposal network (Ren et al., *Faster R-CNN*, NIPS 2015): where is anything at all?

`rpn_head` is its part of the graph; `RegionProposals` turns what it says into boxes and works out
its losses.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from keras import initializers, layers, ops

from zoo.boxes.anchors import AnchorGenerator, inside
from zoo.boxes.coder import decode, encode
from zoo.boxes.formats import clip
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample
from zoo.detection.ground_truth import on_ignored
from zoo.layers.nms import batched_nms
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy, smooth_l1

Maps = Mapping[int, Any]


def rpn_head(
    maps: Maps, anchors: int, filters: int, *, pair: bool = False, name: str = "rpn"
) -> dict[str, Any]:
    """Objectness and box deltas of every anchor, levels one behind the other.

    Args:
        maps: {level: map (B, h, w, C)}; the same layers look at each of them.
        anchors: per cell.
        filters: of the 3×3 convolution.
        pair: two scores an anchor and a softmax between them, as in the paper; what comes out is
            their difference, whose sigmoid is that softmax. Else one.
        name: prefix of the layers.

    Returns:
        `objectness` logits (B, A) and `rpn_deltas` (B, A, 4), both float32.
    """
    spread: dict[str, Any] = {"kernel_initializer": initializers.RandomNormal(stddev=0.01)}
    hidden = layers.Conv2D(
        filters, 3, padding="same", activation="relu", name=f"{name}_conv", **spread
    )
    score = layers.Conv2D(anchors * (1 + pair), 1, name=f"{name}_score", **spread)
    delta = layers.Conv2D(anchors * 4, 1, name=f"{name}_delta", **spread)
    scores, deltas = [], []
    for _, level in sorted(maps.items()):
        x = hidden(level)
        scores.append(layers.Reshape((-1, 1 + pair))(score(x)))
        deltas.append(layers.Reshape((-1, 4))(delta(x)))
    one = len(scores) == 1
    x = scores[0] if one else layers.Concatenate(axis=1, name=f"{name}_scores")(scores)
    x = layers.Activation("linear", dtype="float32", name=f"{name}_float_scores")(x)
    objectness = x[..., 1] - x[..., 0] if pair else x[..., 0]
    x = deltas[0] if one else layers.Concatenate(axis=1, name=f"{name}_deltas")(deltas)
    return {
        "objectness": objectness,
        "rpn_deltas": layers.Activation("linear", dtype="float32", name=f"{name}_float_deltas")(x),
    }


@dataclasses.dataclass(frozen=True)
class RegionProposals:
    """What is done with the network's scores; numbers as published.

    Attributes:
        generator: of the anchors.
        before_nms, after_nms: boxes kept by score per level, and by NMS in all; each for training
            and for answers.
        nms_iou: of non-maximum suppression, class-blind, each level for itself.
        min_size: shortest side of a proposal in pixels of the canvas.
        positive_iou, negative_iou: an anchor overlapping a truth by at least the one is positive,
            all by less than the other negative; between them it does not count.
        samples, positive_fraction: anchors per image that the losses look at.
        beta: of the smooth L1 loss.
        inside_only: whether anchors that cross the border are left out of the losses (the paper).
    """

    generator: AnchorGenerator
    before_nms: tuple[int, int] = (2000, 1000)
    after_nms: tuple[int, int] = (2000, 1000)
    nms_iou: float = 0.7
    min_size: float = 0.0
    positive_iou: float = 0.7
    negative_iou: float = 0.3
    samples: int = 256
    positive_fraction: float = 0.5
    beta: float = 1 / 9
    inside_only: bool = False

    def anchors(self, maps: Maps) -> list[Any]:
        """(A_level, 4) anchors of each level, in pixels of the canvas."""
        return [
            self.generator(level, *ops.shape(each)[1:3]) for level, each in sorted(maps.items())
        ]

    def propose(self, outputs: Mapping[str, Any], maps: Maps, height, width, training: bool):
        """The best boxes, whatever is in them.

        Args:
            outputs: of the network, with what `rpn_head` gave.
            maps: what `rpn_head` looked at.
            height, width: where the image ends on the canvas; boxes are cut there.
            training: which of the pairs of numbers to use.

        Returns:
            Boxes (B, R, 4) and whether each is one (B, R), best first; no gradient flows through.
        """
        before, after = (pair[0 if training else 1] for pair in (self.before_nms, self.after_nms))
        scores = ops.stop_gradient(outputs["objectness"])
        deltas = ops.stop_gradient(outputs["rpn_deltas"])
        boxes, best, levels = [], [], []
        start = 0
        for number, anchors in enumerate(self.anchors(maps)):
            end = start + ops.shape(anchors)[0]
            top, index = _top(scores[:, start:end], before)
            chosen = ops.take_along_axis(deltas[:, start:end], index[..., None], axis=1)
            boxes.append(decode(chosen, ops.take(anchors, index, axis=0)))
            best.append(top)
            levels.append(ops.full_like(index, number))
            start = end
        found = clip(ops.concatenate(boxes, 1), height, width)
        score = ops.concatenate(best, 1)
        sides = found[..., 2:] - found[..., :2]
        large = ops.all(sides >= max(self.min_size, 1e-3), axis=-1)
        score = ops.where(large, score, -math.inf)
        index, valid = batched_nms(
            found,
            score,
            ops.concatenate(levels, 1),
            max_outputs=after,
            iou_threshold=self.nms_iou,
        )
        kept = ops.take_along_axis(found, index[..., None], axis=1)
        return ops.where(valid[..., None], kept, 0.0), valid

    def losses(
        self, outputs: Mapping[str, Any], maps: Maps, truth: Mapping[str, Any], height, width, seed
    ) -> tuple[Any, Any]:
        """Objectness and box loss, each over the sampled anchors of the batch.

        Args:
            outputs, maps: as of `propose`.
            truth: `boxes` (B, N, 4), `valid` and `ignored` (B, N).
            height, width: of the canvas.
            seed: of the sample.
        """
        anchors = ops.concatenate(self.anchors(maps), 0)
        overlaps = iou(anchors[None], truth["boxes"])
        matched, labels = Matcher(self.positive_iou, self.negative_iou)(
            overlaps,
            truth["valid"],
            ignore=on_ignored(anchors[None], truth),
            candidates=inside(anchors, height, width)[None] if self.inside_only else None,
        )
        index, sampled = balanced_sample(labels, self.samples, self.positive_fraction, seed)
        objectness = ops.take_along_axis(outputs["objectness"], index, axis=1)
        label = ops.take_along_axis(labels, index, axis=1)
        objectness_loss = mean_where(sigmoid_cross_entropy(objectness, label == 1), sampled)
        truth_index = ops.take_along_axis(matched, index, axis=1)
        boxes = ops.take_along_axis(truth["boxes"], truth_index[..., None], axis=1)
        targets = encode(boxes, ops.take(anchors, index, axis=0))
        deltas = ops.take_along_axis(outputs["rpn_deltas"], index[..., None], axis=1)
        positive = ops.logical_and(sampled, label == 1)
        distance = ops.sum(smooth_l1(deltas - targets, self.beta), axis=-1)
        distance = ops.sum(ops.where(positive, distance, 0.0))
        count = ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)
        return objectness_loss, distance / count


def _top(scores, count: int):
    """The `count` best of (B, A), or all where there are fewer, filled up with −inf."""
    size = scores.shape[1]
    if size is None:
        # Where the number is not known there must be enough to choose from.
        scores = ops.pad(scores, [[0, 0], [0, count]], constant_values=-math.inf)
        top, index = ops.top_k(scores, count)
        return top, ops.where(top == -math.inf, 0, index)
    return ops.top_k(scores, min(count, size))
