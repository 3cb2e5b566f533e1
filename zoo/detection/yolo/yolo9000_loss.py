"""YOLO9000's loss (Redmon & Farhadi, CVPR 2017): classes of a tree, images without boxes."""

from __future__ import annotations

from typing import Any

from keras import ops

from zoo.detection.ground_truth import Tensors
from zoo.detection.yolo.word_tree import WordTree
from zoo.detection.yolo.yolo_v2_loss import YoloV2Settings
from zoo.losses.detection_losses import per_image

ASSUMED_IOU = 0.3


def tree_class_loss(tree: WordTree, logits, labels):
    """Computes −log P(label) of boxes: (B, N) from logits (B, N, C) and labels (B, N)."""
    return -tree.log_probability_of(tree.log_conditional(logits), labels)


def yolo9000_loss(
    predictions: Tensors, labels, settings: YoloV2Settings, tree: WordTree
) -> dict[str, Any]:
    """Computes the loss of images with a class in `labels` (B,) and no boxes; others have −1.

    The class loss applies to the prediction of highest P(label); its objectness is pulled up to
    the assumed IoU of 0.3. Returns `object` and `class`: sums over those images, divided by the
    number of all images.
    """
    unlocated = labels >= 0
    labels = ops.maximum(ops.cast(labels, "int32"), 0)
    everywhere = ops.broadcast_to(labels[:, None], ops.shape(predictions["objectness"]))
    conditional = tree.log_conditional(predictions["logits"])
    log_probability = tree.log_probability_of(conditional, everywhere)
    scores = ops.stop_gradient(predictions["objectness"] * ops.exp(log_probability))
    best = ops.argmax(scores, axis=-1)[:, None]
    objectness = ops.take_along_axis(predictions["objectness"], best, axis=1)[:, 0]
    missing = ops.maximum(ASSUMED_IOU - objectness, 0.0)
    class_loss = -ops.take_along_axis(log_probability, best, axis=1)[:, 0]
    return {
        "object": settings.object_ * per_image(ops.square(missing) / 2, unlocated),
        "class": settings.class_ * per_image(class_loss, unlocated),
    }
