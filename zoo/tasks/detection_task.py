"""Detection and instances: boxes, and what is in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.model import Model


class Detection(Task):
    """The answer is a fixed number of boxes per image, best first: `boxes` (B, D, 4) xyxy in its
    pixels, `labels` (B, D) int32 with −1 behind the last, `scores` (B, D) in 0…1 and
    `num_detections` (B,) int32. Models encode their own training targets and state their own
    losses, see `zoo.detection.detector.Detector`."""

    name = "detection"
    targets: tuple[str, ...] = ("boxes", "labels")
    optional = ("crowd", "difficult")
    classes_of = "labels"
    predictions: tuple[str, ...] = ("boxes", "labels", "scores", "num_detections")
    monitor = ("val_ap50", "max")

    def loss(self, model: Model) -> dict[str, Any]:
        return {}

    def metrics(self, model: Model) -> dict[str, Any]:
        return {}

    def align(self, targets: Mapping[str, Any] | Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(targets)


class Instances(Detection):
    """As detection, and for each box `masks` or `keypoints` (B, D, K, 3): x, y in pixels, score."""

    name = "instances"
    targets = ("boxes", "labels", "masks")
    predictions = (*Detection.predictions, "masks")


DETECTION = Detection()
INSTANCES = Instances()
