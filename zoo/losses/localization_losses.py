"""Losses of images with one object: its class, its box or its keypoints.

They ignore images and keypoints without a label, are computed in float32, and are 0 without any
label. `sample_weight` is None or (B,).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.argument_checks import arguments_of, check_choice
from zoo.boxes import cxcywh_to_xyxy, generalized_iou
from zoo.errors import InputError

BOX_LOSSES = ("l2", "smooth_l1", "giou")
KEYPOINT_LOSSES = ("l2", "smooth_l1")


class _Labeled(keras.losses.Loss):
    """Weighted mean of the losses of labeled images or keypoints."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        values, labeled = self.values(y_true, ops.cast(y_pred, "float32"))
        labeled = ops.cast(labeled, "float32")
        weights = labeled
        if sample_weight is not None:
            factor = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
            weights = labeled * ops.reshape(factor, (-1, *[1] * (len(labeled.shape) - 1)))
        return ops.sum(values * weights) / ops.maximum(ops.sum(labeled), 1.0)

    def values(self, y_true, y_pred):
        """Returns finite losses, and whether each has a label, of the same shape."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return arguments_of(self)


@keras.saving.register_keras_serializable(package="zoo.losses")
class LabelCrossEntropy(_Labeled):
    """Cross-entropy of the class of the image.

    `y_true` are class indices (B,), −1 for no label; `y_pred` are logits (B, C).

    Args:
        label_smoothing: fraction of the probability spread evenly over the classes, in [0, 1).
        name: name of the loss.

    Raises:
        InputError: if `label_smoothing` is out of range.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "label_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise InputError(f"label_smoothing must be in [0, 1), not {label_smoothing!r}.")
        self.label_smoothing = label_smoothing

    def values(self, y_true, y_pred):
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        labeled = labels >= 0
        logits = ops.log_softmax(y_pred, axis=-1)
        classes = logits.shape[-1]
        target = ops.one_hot(ops.where(labeled, labels, 0), classes, dtype="float32")
        target = (1.0 - self.label_smoothing) * target + self.label_smoothing / classes
        return -ops.sum(target * logits, axis=-1), labeled


@keras.saving.register_keras_serializable(package="zoo.losses")
class BoxLoss(_Labeled):
    """Distance between two boxes, with center and size as fractions of the image.

    `y_true` (B, 5) is center x, y, width, height and class index; without area there is no label.
    `y_pred` is a box (B, 4), or one per class (B, C, 4), of which that of the true class is used.

    Args:
        kind: `"l2"` for the sum of squared differences, `"smooth_l1"` for the sum of smooth L1, or
            `"giou"` for 1 − GIoU.
        beta: limit of the quadratic part of `"smooth_l1"`.
        name: name of the loss.

    Raises:
        InputError: if the kind is unknown.
    """

    def __init__(self, kind: str = "l2", beta: float = 0.1, name: str = "box_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.kind = check_choice("box_loss", kind, BOX_LOSSES)
        self.beta = beta

    def values(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        target = y_true[:, :4]
        predicted = box_of_class(y_pred, ops.cast(y_true[:, 4], "int32"))
        labeled = ops.logical_and(target[:, 2] > 0, target[:, 3] > 0)
        if self.kind == "giou":
            # Equal boxes where there is no label: no loss, no gradient, no division by zero.
            target = ops.where(labeled[:, None], target, 1.0)
            predicted = ops.where(labeled[:, None], predicted, 1.0)
            return 1.0 - generalized_iou(corners(target), corners(predicted)), labeled
        return ops.sum(_distance(predicted - target, self.kind, self.beta), axis=-1), labeled


@keras.saving.register_keras_serializable(package="zoo.losses")
class KeypointLoss(_Labeled):
    """Distance between keypoints in units of the person's size, mean over the labeled ones.

    `y_true` (B, K, 3) is x, y and visibility, 0 for no label; `y_pred` (B, K, 2) is x, y. DeepPose
    (Toshev & Szegedy, CVPR 2014) has the squared distance.

    Args:
        kind: `"l2"` for the sum of squared differences, or `"smooth_l1"` for the sum of smooth L1.
        beta: limit of the quadratic part of `"smooth_l1"`.
        name: name of the loss.

    Raises:
        InputError: if the kind is unknown.
    """

    def __init__(self, kind: str = "l2", beta: float = 0.05, name: str = "keypoint_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.kind = check_choice("keypoint_loss", kind, KEYPOINT_LOSSES)
        self.beta = beta

    def values(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        labeled = y_true[..., 2] > 0
        difference = ops.where(labeled[..., None], y_pred - y_true[..., :2], 0.0)
        return ops.sum(_distance(difference, self.kind, self.beta), axis=-1), labeled


def box_of_class(boxes, labels):
    """Returns the box (B, 4) of each image's class from boxes (B, C, 4), or boxes (B, 4) as is."""
    if len(boxes.shape) == 2:
        return boxes
    selected = ops.one_hot(ops.maximum(labels, 0), boxes.shape[1], dtype=boxes.dtype)
    return ops.sum(selected[..., None] * boxes, axis=1)


def corners(boxes):
    """Converts center and size (…, 4) to xyxy; negative sizes count as positive."""
    return cxcywh_to_xyxy(ops.concatenate([boxes[..., :2], ops.abs(boxes[..., 2:])], axis=-1))


def _distance(difference, kind: str, beta: float):
    if kind == "l2":
        return ops.square(difference)
    size = ops.abs(difference)
    return ops.where(size < beta, 0.5 * ops.square(size) / beta, size - 0.5 * beta)
