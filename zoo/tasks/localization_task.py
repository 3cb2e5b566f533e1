"""One object per image: its class and box, the keypoints of one person, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.layers.argmax import argmax_channel
from zoo.losses.localization_losses import (
    BoxLoss,
    KeypointLoss,
    LabelCrossEntropy,
    box_of_class,
    corners,
)
from zoo.metrics.single_object_metrics import BoxIoU, CorrectKeypoints, LocalizationAccuracy
from zoo.tasks.classification_task import accuracies, label_and_scores, required_target
from zoo.tasks.label_limits import LabelLimit, keypoint_limit
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class SingleObject(Task):
    """Base of the tasks of `zoo.localization.SingleObjectModel`."""

    def for_loss(self, images, targets, outputs) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns targets and outputs by output name, in the units of the losses."""
        raise NotImplementedError

    def for_metrics(self, images, targets, outputs) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns targets and outputs by output name, in the units of the metrics."""
        raise NotImplementedError


class Localization(SingleObject):
    """Outputs are `label`, logits (B, classes), and `box` (B, 4), or (B, classes, 4) per class.

    The output `box` is center x, y, width and height in pixels of the model input. Predictions are
    `box` (B, 4) xyxy in pixels of the image, `label` (B,) int32 and `scores` (B, classes).
    """

    name = "localization"
    targets = ("label", "box")
    classes_of = "label"
    predictions = ("box", "label", "scores")
    monitor = ("val_localization_accuracy", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {"label": LabelCrossEntropy(), "box": BoxLoss(getattr(model, "box_loss", "l2"))}

    def metrics(self, model: Model) -> dict[str, Any]:
        classes = model.output["label"].shape[-1]
        return {"label": accuracies(classes), "box": [LocalizationAccuracy(), BoxIoU()]}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        return [LabelLimit("label", model.output["label"].shape[-1])]

    def for_loss(self, images, targets, outputs):
        label, box = _label_and_box(targets)
        size = ops.tile(image_size(images), (2,))
        center, sides = (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
        truth = ops.concatenate([ops.concatenate([center, sides], axis=-1) / size, label], axis=-1)
        predicted = ops.cast(outputs["box"], "float32") / size
        return {"label": label[:, 0], "box": truth}, {**outputs, "box": predicted}

    def for_metrics(self, images, targets, outputs):
        label, box = _label_and_box(targets)
        predicted, best = _best(outputs)
        best = ops.cast(best[:, None], "float32")
        return (
            {"label": label[:, 0], "box": ops.concatenate([box, label], axis=-1)},
            {**outputs, "box": ops.concatenate([corners(predicted), best], axis=-1)},
        )

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        predicted, _ = _best(outputs)
        return {
            **label_and_scores(outputs["label"]),
            "box": transform.restore_boxes(corners(predicted)),
        }


class Pose(SingleObject):
    """The output `keypoints` (B, K, 2) is x, y in pixels of the model input.

    Outputs `keypoints_…` are those of earlier stages. Predictions are `keypoints` (B, K, 3): x, y
    in pixels of the image and a score, which is 1 for regressed keypoints.
    """

    name = "pose"
    targets: tuple[str, ...] = ("keypoints", "box")
    classes_of = "keypoints"
    predictions: tuple[str, ...] = ("keypoints",)
    monitor = ("val_pck", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        kind = getattr(model, "keypoint_loss", "l2")
        return {name: KeypointLoss(kind) for name in _keypoint_outputs(model.output)}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {name: [CorrectKeypoints()] for name in _keypoint_outputs(model.output)}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        return [keypoint_limit(model.output["keypoints"].shape[-2])]

    def for_loss(self, images, targets, outputs):
        return _in_units(targets, outputs, person_size(targets["box"], images))

    def for_metrics(self, images, targets, outputs):
        size = person_size(targets["box"], images)
        longer = ops.tile(ops.max(size, axis=-1, keepdims=True), (1, 2))
        return _in_units(targets, outputs, longer)

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        points = transform.restore_points(ops.cast(outputs["keypoints"], "float32"))
        return {"keypoints": ops.concatenate([points, ops.ones_like(points[..., :1])], axis=-1)}


class PoseClassification(Pose):
    """Pose with a class: the output `label` is logits (B, classes).

    Predictions also have `label` (B,) int32 and `scores` (B, classes).
    """

    name = "pose_classification"
    targets = ("keypoints", "box", "label")
    classes_of = "label"
    predictions = ("label", "scores", "keypoints")
    monitor = ("val_accuracy", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {**super().loss(model), "label": LabelCrossEntropy()}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {**super().metrics(model), "label": accuracies(model.output["label"].shape[-1])}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        label = LabelLimit("label", model.output["label"].shape[-1])
        return [*super().label_limits(model), label]

    def for_loss(self, images, targets, outputs):
        return _with_label(targets, outputs, super().for_loss(images, targets, outputs))

    def for_metrics(self, images, targets, outputs):
        return _with_label(targets, outputs, super().for_metrics(images, targets, outputs))

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        return {**label_and_scores(outputs["label"]), **super().decode(model, outputs, transform)}


def image_size(images):
    """Returns width and height (2,) float32 of a batch of images."""
    _, height, width, _ = ops.shape(images)
    return ops.stack([ops.cast(width, "float32"), ops.cast(height, "float32")])


def person_size(boxes, images):
    """Returns width and height (B, 2) float32 of the boxes, of the image for boxes without area."""
    boxes = ops.cast(boxes, "float32")
    size = boxes[:, 2:] - boxes[:, :2]
    positive = ops.all(size > 0, axis=-1, keepdims=True)
    return ops.where(positive, size, image_size(images))


def _label_and_box(targets):
    label = required_target(targets, "label", "(B,)", "localization")
    box = required_target(targets, "box", "(B, 4)", "localization")
    return ops.reshape(ops.cast(label, "float32"), (-1, 1)), ops.cast(box, "float32")


def _best(outputs):
    """The box (B, 4) of the most probable class, and that class (B,)."""
    best = argmax_channel(ops.cast(outputs["label"], "float32"))
    return box_of_class(ops.cast(outputs["box"], "float32"), best), best


def _keypoint_outputs(outputs: Mapping[str, Any]) -> list[str]:
    return [name for name in outputs if name.startswith("keypoints")]


def _in_units(targets, outputs, size):
    """True and predicted keypoints, divided by sizes (B, 2)."""
    keypoints = required_target(targets, "keypoints", "(B, K, 3)", "pose")
    keypoints = ops.cast(keypoints, "float32")
    truth = ops.concatenate([keypoints[..., :2] / size[:, None], keypoints[..., 2:]], axis=-1)
    names = _keypoint_outputs(outputs)
    predicted = {name: ops.cast(outputs[name], "float32") / size[:, None] for name in names}
    return dict.fromkeys(names, truth), {**outputs, **predicted}


def _with_label(targets, outputs, keypoints):
    truth, predicted = keypoints
    label = required_target(targets, "label", "(B,)", "pose_classification")
    return {**truth, "label": label}, {**predicted, "label": outputs["label"]}


LOCALIZATION = Localization()
POSE = Pose()
POSE_CLASSIFICATION = PoseClassification()
