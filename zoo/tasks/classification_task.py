"""Classification: one class for the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel
from zoo.losses.localization_losses import LabelCrossEntropy
from zoo.metrics.single_object_metrics import TopAccuracy
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class Classification(Task):
    """The output `label` holds logits (B, classes); the answer is `label` (B,) int32, the best
    class, and `scores` (B, classes), their probabilities."""

    name = "classification"
    targets = ("label",)
    classes_of = "label"
    predictions = ("label", "scores")
    monitor = ("val_accuracy", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {"label": LabelCrossEntropy()}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {"label": accuracies(model.output["label"].shape[-1])}

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(targets, Mapping):
            targets = demand_target(targets, "label", "(B,)", "classification")
        return {"label": targets}

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        return label_and_scores(outputs["label"])


def accuracies(classes: int) -> list[TopAccuracy]:
    """Top-1, and top-5 where there are more than five classes."""
    return [TopAccuracy(), *([TopAccuracy(5)] if classes > 5 else [])]


def label_and_scores(logits) -> dict[str, Any]:
    """Answers from logits (B, classes)."""
    logits = ops.cast(logits, "float32")
    return {"label": argmax_channel(logits), "scores": ops.softmax(logits, axis=-1)}


def demand_target(targets: Mapping[str, Any], key: str, shape: str, task: str) -> Any:
    """The target of a name, or InputError naming those that there are."""
    if key not in targets:
        raise InputError(
            f"A {task} model learns from a target '{key}' {shape}; "
            f"the data set gives {', '.join(targets) or 'none'}."
        )
    return targets[key]


CLASSIFICATION = Classification()
