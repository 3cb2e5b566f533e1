"""One object per image: its class and box, or the joints of its one person, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.layers.argmax import argmax_channel
from zoo.losses.localization_losses import (
    BoxLoss,
    JointLoss,
    LabelCrossEntropy,
    box_of_class,
    corners,
)
from zoo.metrics.single_object_metrics import BoxIoU, CorrectKeypoints, LocalizationAccuracy
from zoo.tasks.classification_task import accuracies, demand_target, label_and_scores
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class SingleObject(Task):
    """A task whose losses and metrics are in units of the image or of the person.

    Models of it are `zoo.localization.SingleObjectModel`s.
    """

    def for_loss(self, images, targets, outputs) -> tuple[dict[str, Any], dict[str, Any]]:
        """Targets and outputs by output name, in the units that the losses take."""
        raise NotImplementedError

    def for_metrics(self, images, targets, outputs) -> tuple[dict[str, Any], dict[str, Any]]:
        """Targets and outputs by output name, in the units that the metrics take."""
        raise NotImplementedError

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(targets)


class Localization(SingleObject):
    """Outputs are `label`, logits (B, classes), and `box`: centre x, y, width and height in pixels
    of the canvas, (B, 4) or (B, classes, 4) where each class has its own. The answer is `box`
    (B, 4) xyxy in pixels of the image, `label` (B,) int32 and `scores` (B, classes)."""

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

    def for_loss(self, images, targets, outputs):
        label, box = _label_and_box(targets)
        size = ops.tile(image_size(images), (2,))
        centre, sides = (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
        truth = ops.concatenate([ops.concatenate([centre, sides], axis=-1) / size, label], axis=-1)
        found = ops.cast(outputs["box"], "float32") / size
        return {"label": label[:, 0], "box": truth}, {**outputs, "box": found}

    def for_metrics(self, images, targets, outputs):
        label, box = _label_and_box(targets)
        found, guess = _best(outputs)
        guess = ops.cast(guess[:, None], "float32")
        return (
            {"label": label[:, 0], "box": ops.concatenate([box, label], axis=-1)},
            {**outputs, "box": ops.concatenate([corners(found), guess], axis=-1)},
        )

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        found, _ = _best(outputs)
        return {
            **label_and_scores(outputs["label"]),
            "box": transform.restore_boxes(corners(found)),
        }


class Pose(SingleObject):
    """The output `keypoints` (B, K, 2) holds x, y in pixels of the canvas, outputs named
    `keypoints_…` those of earlier stages. The answer is `keypoints` (B, K, 3): x, y in pixels of
    the image and a score, always 1, since regression answers for every joint."""

    name = "pose"
    targets: tuple[str, ...] = ("keypoints", "box")
    classes_of = "keypoints"
    predictions: tuple[str, ...] = ("keypoints",)
    monitor = ("val_pck", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        kind = getattr(model, "joint_loss", "l2")
        return {name: JointLoss(kind) for name in _joint_outputs(model.output)}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {name: [CorrectKeypoints()] for name in _joint_outputs(model.output)}

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
    """As pose, and the class of the pose: the output `label` (B, classes) holds logits, the answer
    has `label` (B,) int32 and `scores` (B, classes) too."""

    name = "pose_classification"
    targets = ("keypoints", "box", "label")
    classes_of = "label"
    predictions = ("label", "scores", "keypoints")
    monitor = ("val_accuracy", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {**super().loss(model), "label": LabelCrossEntropy()}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {**super().metrics(model), "label": accuracies(model.output["label"].shape[-1])}

    def for_loss(self, images, targets, outputs):
        return _with_label(targets, outputs, super().for_loss(images, targets, outputs))

    def for_metrics(self, images, targets, outputs):
        return _with_label(targets, outputs, super().for_metrics(images, targets, outputs))

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        return {**label_and_scores(outputs["label"]), **super().decode(model, outputs, transform)}


def image_size(images):
    """(2,) float32 width and height of a batch of images."""
    _, height, width, _ = ops.shape(images)
    return ops.stack([ops.cast(width, "float32"), ops.cast(height, "float32")])


def person_size(boxes, images):
    """(B, 2) float32 width and height of the person's box; the image's where it has no area."""
    boxes = ops.cast(boxes, "float32")
    size = boxes[:, 2:] - boxes[:, :2]
    known = ops.all(size > 0, axis=-1, keepdims=True)
    return ops.where(known, size, image_size(images))


def _label_and_box(targets):
    label = demand_target(targets, "label", "(B,)", "localization")
    box = demand_target(targets, "box", "(B, 4)", "localization")
    return ops.reshape(ops.cast(label, "float32"), (-1, 1)), ops.cast(box, "float32")


def _best(outputs):
    """The box (B, 4) of the likeliest class, and that class (B,)."""
    guess = argmax_channel(ops.cast(outputs["label"], "float32"))
    return box_of_class(ops.cast(outputs["box"], "float32"), guess), guess


def _joint_outputs(outputs: Mapping[str, Any]) -> list[str]:
    return [name for name in outputs if name.startswith("keypoints")]


def _in_units(targets, outputs, size):
    """Joints, true and found, divided by a size (B, 2)."""
    joints = demand_target(targets, "keypoints", "(B, K, 3)", "pose")
    joints = ops.cast(joints, "float32")
    truth = ops.concatenate([joints[..., :2] / size[:, None], joints[..., 2:]], axis=-1)
    names = _joint_outputs(outputs)
    found = {name: ops.cast(outputs[name], "float32") / size[:, None] for name in names}
    return dict.fromkeys(names, truth), {**outputs, **found}


def _with_label(targets, outputs, joints):
    truth, found = joints
    label = demand_target(targets, "label", "(B,)", "pose classification")
    return {**truth, "label": label}, {**found, "label": outputs["label"]}


LOCALIZATION = Localization()
POSE = Pose()
POSE_CLASSIFICATION = PoseClassification()
