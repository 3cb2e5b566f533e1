"""Losses on the image's class, its one box and its one person's joints.

Each leaves out images or joints that have no label, is computed in float32 whatever the
precision of the outputs, and is 0 where nothing is left. `sample_weight` is None or (B,).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.boxes import cxcywh_to_xyxy, generalized_iou
from zoo.errors import InputError

BOX_LOSSES = ("l2", "smooth_l1", "giou")
JOINT_LOSSES = ("l2", "smooth_l1")


class _Labelled(keras.losses.Loss):
    """Mean over the labelled ones of a value each, weighted by image."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        values, labelled = self.values(y_true, ops.cast(y_pred, "float32"))
        labelled = ops.cast(labelled, "float32")
        weights = labelled
        if sample_weight is not None:
            factor = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
            weights = labelled * ops.reshape(factor, (-1, *[1] * (len(labelled.shape) - 1)))
        return ops.sum(values * weights) / ops.maximum(ops.sum(labelled), 1.0)

    def values(self, y_true, y_pred):
        """A value each, finite everywhere, and whether it has a label; of one shape."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="zoo.losses")
class LabelCrossEntropy(_Labelled):
    """Cross-entropy of the image's class.

    `y_true` (B,) integer classes, −1 = no label; `y_pred` (B, C) logits.

    Args:
        label_smoothing: share of the probability that is spread evenly over the classes, in [0, 1).
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "label_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise InputError(f"label_smoothing is a share in [0, 1), not {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def values(self, y_true, y_pred):
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        labelled = labels >= 0
        logits = ops.log_softmax(y_pred, axis=-1)
        classes = logits.shape[-1]
        truth = ops.one_hot(ops.where(labelled, labels, 0), classes, dtype="float32")
        truth = (1.0 - self.label_smoothing) * truth + self.label_smoothing / classes
        return -ops.sum(truth * logits, axis=-1), labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="zoo.losses")
class BoxLoss(_Labelled):
    """Distance between two boxes, centre and size as shares of the image.

    `y_true` (B, 5): centre x, y, width, height and the class; without area = no label.
    `y_pred` (B, 4), or (B, C, 4) with a box for each class, of which the true class's is learned.

    Args:
        kind: "l2", the squared differences of the four numbers summed; "smooth_l1", Huber's
            with the given `beta`, summed; "giou", one minus the generalised IoU.
        beta: difference at which "smooth_l1" turns from a parabola to a line.
    """

    def __init__(self, kind: str = "l2", beta: float = 0.1, name: str = "box_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.kind = check_kind(kind, BOX_LOSSES, "box_loss")
        self.beta = beta

    def values(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        truth = y_true[:, :4]
        found = box_of_class(y_pred, ops.cast(y_true[:, 4], "int32"))
        labelled = ops.logical_and(truth[:, 2] > 0, truth[:, 3] > 0)
        if self.kind == "giou":
            # Without a label, two equal boxes: no loss, no gradient, no division by zero.
            truth = ops.where(labelled[:, None], truth, 1.0)
            found = ops.where(labelled[:, None], found, 1.0)
            return 1.0 - generalized_iou(corners(truth), corners(found)), labelled
        return ops.sum(_distance(found - truth, self.kind, self.beta), axis=-1), labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "beta": self.beta}


@keras.saving.register_keras_serializable(package="zoo.losses")
class JointLoss(_Labelled):
    """Distance between joints in units of the person, mean over the joints that are labelled.

    `y_true` (B, K, 3): x, y and a visibility that is 0 where there is no label; `y_pred`
    (B, K, 2). DeepPose (Toshev & Szegedy, CVPR 2014) takes the squared distance.

    Args:
        kind: "l2", squared differences in x and y summed; "smooth_l1", Huber's.
        beta: difference at which "smooth_l1" turns from a parabola to a line.
    """

    def __init__(self, kind: str = "l2", beta: float = 0.05, name: str = "joint_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.kind = check_kind(kind, JOINT_LOSSES, "joint_loss")
        self.beta = beta

    def values(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        labelled = y_true[..., 2] > 0
        difference = ops.where(labelled[..., None], y_pred - y_true[..., :2], 0.0)
        return ops.sum(_distance(difference, self.kind, self.beta), axis=-1), labelled

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "beta": self.beta}


def check_kind(kind: str, known: tuple[str, ...], argument: str) -> str:
    """Returns `kind`, or raises InputError naming those that there are."""
    if kind not in known:
        raise InputError(f"{argument} is one of {', '.join(known)}, not {kind!r}.")
    return kind


def box_of_class(boxes, labels):
    """The box of its class for each image: (B, C, 4), (B,) → (B, 4); (B, 4) stays as it is."""
    if len(boxes.shape) == 2:
        return boxes
    chosen = ops.one_hot(ops.maximum(labels, 0), boxes.shape[1], dtype=boxes.dtype)
    return ops.sum(chosen[..., None] * boxes, axis=1)


def corners(boxes):
    """Centre and size (…, 4) → xyxy; a negative size is the same box drawn from the other end."""
    return cxcywh_to_xyxy(ops.concatenate([boxes[..., :2], ops.abs(boxes[..., 2:])], axis=-1))


def _distance(difference, kind: str, beta: float):
    if kind == "l2":
        return ops.square(difference)
    size = ops.abs(difference)
    return ops.where(size < beta, 0.5 * ops.square(size) / beta, size - 0.5 * beta)
