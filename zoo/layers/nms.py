"""Non-maximum suppression.

Greedy: the box of the highest score is kept, those with an IoU **above** the threshold are dropped,
and so on. Of equal scores the lower index comes first, on every backend and in LiteRT.
"""

from __future__ import annotations

import math

import keras
from keras import ops

from zoo.argument_checks import check_minimum
from zoo.boxes.numerics import precise, sound, take_rows
from zoo.boxes.overlap import iou
from zoo.errors import InputError
from zoo.layers.portable import only_portable

# Boxes per step: on a CPU, 128 compiled by XLA is fastest for 2000 boxes.
TILE = 128


def nms(
    boxes,
    scores,
    max_outputs: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    native: bool | None = None,
):
    """Suppresses the boxes of each image regardless of their class.

    TensorFlow's operators are used in graphs that XLA does not compile, where they are faster; the
    portable implementation, with equal results, is used under XLA and on other backends.

    Args:
        boxes: boxes (B, N, 4) xyxy. One with a NaN or infinite coordinate is never kept; an empty
            or inverted one overlaps nothing.
        scores: scores (B, N), such as logits or probabilities; −inf and NaN mark padding.
        max_outputs: maximum number of boxes per image.
        iou_threshold: IoU threshold, a number in [0, 1] or a scalar tensor.
        score_threshold: score threshold, a number or a scalar tensor.
        native: whether to use TensorFlow's operators; None for where it is possible.

    Returns:
        Indices (B, max_outputs) int32 of the boxes kept, best first and padded with 0, and
        valid (B, max_outputs) bool. No gradient flows through.
    """
    check_minimum(1, max_outputs=max_outputs)
    if isinstance(iou_threshold, (int, float)) and not 0 <= iou_threshold <= 1:
        raise InputError(f"iou_threshold must be in [0, 1], not {iou_threshold!r}.")
    boxes, scores = ops.stop_gradient(precise(boxes)), ops.stop_gradient(precise(scores))
    boxes, scores = _at_least_one(boxes, scores)
    valid = ops.logical_and(sound(boxes), scores > score_threshold)
    scores, order = ops.top_k(ops.where(valid, scores, -math.inf), ops.shape(scores)[1])
    boxes = take_rows(_upright(boxes), order)
    alive = scores > -math.inf
    suppress = _suppress_natively if _native(native) else _suppress
    position, kept = suppress(boxes, alive, max_outputs, iou_threshold)
    index = ops.cast(take_rows(order, ops.where(kept, position, 0)), "int32")
    return ops.where(kept, index, 0), kept


def batched_nms(
    boxes,
    scores,
    labels,
    max_outputs: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    native: bool | None = None,
):
    """Suppresses the boxes of each class separately and returns the best of all classes.

    Boxes of different classes are shifted apart before they are compared, which rounds their
    corners to about 1/500 pixel in images of 1000 pixels with 100 classes. `labels` are class
    indices or pyramid levels (B, N) int, −1 for padding; the result and the other arguments are
    those of `nms`.
    """
    labels = ops.cast(labels, "int32")
    scores = ops.where(labels >= 0, precise(scores), -math.inf)
    if not boxes.shape[1]:
        labels = ops.pad(labels, [[0, 0], [0, 1]])
    boxes, scores = _at_least_one(precise(boxes), scores)
    shifted = _shift_apart(boxes, labels)
    return nms(shifted, scores, max_outputs, iou_threshold, score_threshold, native)


def _at_least_one(boxes, scores):
    """Adds a box that is never kept, as nothing can be gathered from no boxes."""
    if boxes.shape[1]:
        return boxes, scores
    boxes = ops.pad(boxes, [[0, 0], [0, 1], [0, 0]])
    return boxes, ops.pad(scores, [[0, 0], [0, 1]], constant_values=-math.inf)


def _shift_apart(boxes, labels):
    """Shifts boxes (B, N, 4) by whole pixels so that those of different labels never overlap."""
    boxes = ops.stop_gradient(precise(boxes))
    inside = ops.where(ops.expand_dims(sound(boxes), -1), boxes, 0.0)
    # The initial values also serve a batch of no images.
    extent = ops.ceil(ops.max(inside, initial=0.0) - ops.min(inside, initial=0.0)) + 1.0
    # A square of offsets has smaller numbers than a row, which loses less of the fraction.
    side = ops.ceil(ops.sqrt(ops.cast(ops.max(labels, initial=0), boxes.dtype) + 1.0))
    label = ops.cast(ops.maximum(labels, 0), boxes.dtype)
    row = ops.floor((label + 0.5) / ops.maximum(side, 1.0))
    column = label - row * side
    return boxes + extent * ops.stack([column, row, column, row], axis=-1)


def _upright(boxes):
    """Sets inverted sides to 0."""
    first, last = boxes[..., :2], boxes[..., 2:]
    return ops.concatenate([first, ops.maximum(first, last)], axis=-1)


def _suppress(boxes, alive, max_outputs: int, threshold: float):
    """The portable implementation, on tiles of boxes sorted by score.

    In a tile the rule "kept unless an earlier kept box overlaps it" is iterated until nothing
    changes: as many steps as the longest chain of boxes that suppress each other. Takes boxes
    (B, N, 4), best first, of which those `alive` (B, N) are candidates; returns the positions of
    the boxes kept, in order, and whether they are valid, both (B, max_outputs).
    """
    batch = ops.shape(boxes)[0]
    padding = ops.zeros((batch, TILE, 4), boxes.dtype)
    last = ops.max(ops.sum(ops.cast(alive, "int32"), axis=1), initial=0)
    boxes = ops.concatenate([boxes, padding], axis=1)
    alive = ops.concatenate([alive, ops.cast(padding[..., 0], "bool")], axis=1)
    line = ops.arange(TILE, dtype="int32")
    earlier = ops.cast(line[None, :] < line[:, None], "float32")
    slots = ops.expand_dims(ops.arange(max_outputs, dtype="int32"), 0)

    def overlapping(a, b):
        return ops.cast(iou(a, b) > threshold, "float32")

    def judge(start, positions, count):
        rows = line + start
        tile = ops.take(boxes, rows, axis=1)
        filled = ops.cast(slots < count, "float32")
        blocked = _any_of(overlapping(tile, take_rows(boxes, positions)), filled)
        open_ = ops.logical_and(ops.take(alive, rows, axis=1), ops.logical_not(blocked))
        keep = _settle(overlapping(tile, tile) * earlier, open_)
        _, first_kept = ops.top_k(ops.cast(keep, "float32"), TILE)
        slot = slots - count
        new = take_rows(ops.cast(first_kept, "int32"), ops.clip(slot, 0, TILE - 1)) + start
        positions = ops.where(slot < 0, positions, new)
        kept = ops.sum(ops.cast(keep, "int32"), axis=1, keepdims=True)
        return start + TILE, positions, ops.minimum(count + kept, max_outputs)

    def unfinished(start, positions, count):
        return ops.logical_and(start < last, ops.any(count < max_outputs))

    nothing = ops.zeros((batch, max_outputs), "int32")
    start = ops.zeros((), "int32")
    _, positions, count = ops.while_loop(unfinished, judge, (start, nothing, nothing[:, :1]))
    return positions, slots < count


def _any_of(relation, flags):
    """Returns whether each row of `relation` (B, T, N) relates to one of the flags (B, N)."""
    return ops.matmul(relation, ops.expand_dims(flags, -1))[..., 0] > 0.5


def _settle(suppresses, alive):
    """The boxes of a tile that no earlier kept box suppresses."""

    def step(_, keep):
        blocked = _any_of(suppresses, ops.cast(keep, "float32"))
        return keep, ops.logical_and(alive, ops.logical_not(blocked))

    def changing(before, keep):
        return ops.any(ops.logical_xor(before, keep))

    return ops.while_loop(changing, step, step(None, alive))[1]


def _native(requested: bool | None) -> bool:
    if requested is not None or keras.backend.backend() != "tensorflow":
        return bool(requested)
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    # XLA has no such operator, and no public function says whether it compiles the graph.
    graph = tf.compat.v1.get_default_graph()
    return not control_flow_util.GraphOrParentsInXlaContext(graph)


def _apart_when_empty(boxes, alive):
    """Moves boxes without area apart and gives them one, because LiteRT repeats empty boxes."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    number = ops.cast(ops.arange(ops.shape(boxes)[1]), boxes.dtype)
    limit = ops.max(ops.where(ops.expand_dims(alive, -1), boxes, 0.0))
    corner = ops.broadcast_to(limit + 1.0 + 2.0 * number, ops.shape(width))
    unit = ops.stack([corner, corner, corner + 1.0, corner + 1.0], axis=-1)
    return ops.where(ops.expand_dims(width * height > 0.0, -1), boxes, unit)


def _suppress_natively(boxes, alive, max_outputs: int, threshold: float):
    """Implements `_suppress` by TensorFlow's operators; LiteRT has only that for one image.

    Ranks replace the scores: no two are equal, and a rank identifies its box.
    """
    import tensorflow as tf

    if boxes.shape[0] != 1 and only_portable():
        return _suppress(boxes, alive, max_outputs, threshold)
    count = ops.cast(ops.shape(boxes)[1], "float32")
    boxes = ops.cast(boxes, "float32")
    rank = ops.where(alive, count - ops.cast(ops.arange(ops.shape(boxes)[1]), "float32"), 0.0)
    slots = ops.expand_dims(ops.arange(max_outputs, dtype="int32"), 0)
    if boxes.shape[0] == 1:
        boxes = _apart_when_empty(boxes, alive) if only_portable() else boxes
        positions, _, kept = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes[0],
            scores=rank[0],
            max_output_size=max_outputs,
            iou_threshold=threshold,
            score_threshold=0.5,
            soft_nms_sigma=0.0,
            pad_to_max_output_size=True,
        )
        return ops.reshape(positions, (1, max_outputs)), slots < kept
    _, ranks, _, kept = tf.raw_ops.CombinedNonMaxSuppression(
        boxes=ops.expand_dims(boxes, 2),
        scores=ops.expand_dims(rank, 2),
        max_output_size_per_class=max_outputs,
        max_total_size=max_outputs,
        iou_threshold=threshold,
        score_threshold=0.5,
        clip_boxes=False,
    )
    valid = slots < ops.expand_dims(kept, 1)
    return ops.cast(ops.where(valid, count - ranks, 0.0), "int32"), valid
