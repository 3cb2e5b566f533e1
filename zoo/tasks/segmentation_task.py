"""Semantic segmentation: a class for every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.layers.argmax import argmax_channel
from zoo.losses import CrossEntropy
from zoo.metrics.segmentation_metrics import MeanIoU, PixelAccuracy
from zoo.tasks.classification_task import required_target
from zoo.tasks.label_limits import LabelLimit
from zoo.tasks.sample_schema import IGNORE
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.inference.image_transform import ImageTransform
    from zoo.model import Model


class Segmentation(Task):
    """The outputs `segmentation` and, for deep supervision, `auxiliary…` are logits (B, H, W, C).

    The prediction is the segmentation map (B, H, W) int32.
    """

    name = "segmentation"
    targets = ("segmentation",)
    predictions = ("segmentation",)
    monitor = ("val_mean_iou", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {name: CrossEntropy() for name in model.output_names}

    def metrics(self, model: Model) -> dict[str, Any]:
        classes = model.output["segmentation"].shape[-1]
        return {"segmentation": [MeanIoU(classes), PixelAccuracy()]}

    def label_limits(self, model: Model) -> list[LabelLimit]:
        classes = model.output["segmentation"].shape[-1]
        return [LabelLimit("segmentation", classes, least=0, ignored=(IGNORE,))]

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(targets, Mapping):
            targets = required_target(targets, "segmentation", "(B, H, W)", "segmentation")
        return {name: targets for name in outputs}

    def decode(
        self, model: Model, outputs: Mapping[str, Any], transform: ImageTransform
    ) -> dict[str, Any]:
        logits = transform.restore_map(ops.cast(outputs["segmentation"], "float32"))
        return {"segmentation": argmax_channel(logits)}


SEGMENTATION = Segmentation()
