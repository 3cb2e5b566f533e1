"""Classification: one class for the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel
from zoo.layers.class_softmax import class_softmax
from zoo.losses.localization_losses import LabelCrossEntropy
from zoo.metrics.single_object_metrics import TopAccuracy
from zoo.tasks.label_limits import LabelLimit
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class Classification(Task):
    """The output `label` is logits (B, classes).

    Predictions are `label` (B,) int32 and `scores` (B, classes), probabilities.
    """

    name = "classification"
    targets = ("label",)
    classes_of = "label"
    predictions = ("label", "scores")
    monitor = ("val_accuracy", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {"label": LabelCrossEntropy()}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {"label": accuracies(model.output["label"].shape[-1])}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        return [LabelLimit("label", model.output["label"].shape[-1])]

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(targets, Mapping):
            targets = required_target(targets, "label", "(B,)", "classification")
        return {"label": targets}

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        return label_and_scores(outputs["label"])


def accuracies(classes: int) -> list[TopAccuracy]:
    """Returns top-1 accuracy, and top-5 for more than five classes."""
    return [TopAccuracy(), *([TopAccuracy(5)] if classes > 5 else [])]


def label_and_scores(logits) -> dict[str, Any]:
    """Returns the predictions of logits (B, classes)."""
    logits = ops.cast(logits, "float32")
    return {"label": argmax_channel(logits), "scores": class_softmax(logits)}


def required_target(targets: Mapping[str, Any], key: str, shape: str, task: str) -> Any:
    """Returns the target of a name; `shape` and `task` are for the message if there is none."""
    if key not in targets:
        raise InputError(
            f"{task}: the targets must contain {key!r} {shape}, not only "
            f"{', '.join(targets) or 'none'}."
        )
    return targets[key]


CLASSIFICATION = Classification()
