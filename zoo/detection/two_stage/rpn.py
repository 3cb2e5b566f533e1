"""Region proposal network (Ren et al., *Faster R-CNN*, NIPS 2015): its layers and its proposals.

The loss is in `zoo.detection.two_stage.rpn_loss`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from keras import initializers, layers, ops

from zoo.boxes.anchors import AnchorGenerator
from zoo.boxes.box_formats import clip
from zoo.boxes.coder import decode
from zoo.layers.nms import batched_nms

Maps = Mapping[int, Any]


def rpn_head(
    maps: Maps, anchors: int, filters: int, *, pair: bool = False, name: str = "rpn"
) -> dict[str, Any]:
    """Adds the layers of a region proposal network, shared by all levels of maps (B, h, w, C).

    With `pair` there are two scores per anchor with a softmax, as in the paper; their difference is
    returned, whose sigmoid is that softmax. Returns `objectness` logits (B, A) and `rpn_deltas`
    (B, A, 4) of all anchors in order of level, both float32.
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
    single = len(scores) == 1
    x = scores[0] if single else layers.Concatenate(axis=1, name=f"{name}_scores")(scores)
    x = layers.Activation("linear", dtype="float32", name=f"{name}_float_scores")(x)
    objectness = x[..., 1] - x[..., 0] if pair else x[..., 0]
    x = deltas[0] if single else layers.Concatenate(axis=1, name=f"{name}_deltas")(deltas)
    return {
        "objectness": objectness,
        "rpn_deltas": layers.Activation("linear", dtype="float32", name=f"{name}_float_deltas")(x),
    }


@dataclasses.dataclass(frozen=True)
class RegionProposals:
    """Settings of a region proposal network, and its proposals.

    Attributes:
        generator: generator of the anchors.
        before_nms: anchors kept by score per level before NMS, `(train, predict)`.
        after_nms: proposals kept by NMS per image, `(train, predict)`.
        nms_iou: IoU threshold of the class-agnostic NMS per level, in [0, 1].
        min_size: minimum side of a proposal in pixels of the model input.
        positive_iou: IoU with a ground-truth box from which an anchor is positive.
        negative_iou: IoU with all ground-truth boxes below which an anchor is negative.
        samples: anchors sampled per image for the loss.
        positive_fraction: maximum fraction of positive anchors among them.
        beta: transition point of the smooth L1 loss.
        inside_only: whether anchors across the border are left out of the loss, as in the paper.
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
        """Returns the anchors (A_level, 4) per level, xyxy in pixels of the model input."""
        return [
            self.generator(level, *ops.shape(each)[1:3]) for level, each in sorted(maps.items())
        ]

    def propose(self, outputs: Mapping[str, Any], maps: Maps, height, width, training: bool):
        """Returns the proposals of a batch; no gradient flows through.

        The outputs are those of `rpn_head` for `maps`. Returns boxes (B, R, 4) xyxy in order of
        score, clipped to the height and width in pixels of the model input, and valid (B, R) bool.
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
        candidates = clip(ops.concatenate(boxes, 1), height, width)
        score = ops.concatenate(best, 1)
        sides = candidates[..., 2:] - candidates[..., :2]
        large = ops.all(sides >= max(self.min_size, 1e-3), axis=-1)
        score = ops.where(large, score, -math.inf)
        index, valid = batched_nms(
            candidates,
            score,
            ops.concatenate(levels, 1),
            max_outputs=after,
            iou_threshold=self.nms_iou,
        )
        proposals = ops.take_along_axis(candidates, index[..., None], axis=1)
        return ops.where(valid[..., None], proposals, 0.0), valid


def _top(scores, count: int):
    """The `count` highest of scores (B, A) and their indices, padded with −inf."""
    size = scores.shape[1]
    if size is None:
        # top_k needs `count` scores, and their number is unknown until run time.
        scores = ops.pad(scores, [[0, 0], [0, count]], constant_values=-math.inf)
        top, index = ops.top_k(scores, count)
        return top, ops.where(top == -math.inf, 0, index)
    return ops.top_k(scores, min(count, size))
