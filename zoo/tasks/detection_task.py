"""Detection and instances: boxes, with masks or keypoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.tasks.label_limits import LabelLimit, keypoint_limit
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.model import Model


class Detection(Task):
    """Predictions are a fixed number of boxes per image, best first.

    They are `boxes` (B, D, 4) xyxy in pixels of the image, `labels` (B, D) int32 padded with −1,
    `scores` (B, D) in [0, 1] and `num_detections` (B,) int32. Models encode their own targets and
    have their own losses, see `zoo.detection.detector.Detector`.
    """

    name = "detection"
    targets: tuple[str, ...] = ("boxes", "labels")
    optional = ("crowd", "difficult")
    classes_of = "labels"
    predictions: tuple[str, ...] = ("boxes", "labels", "scores", "num_detections")
    monitor = ("val_ap50", "max")

    def label_limits(self, model: Model) -> list[LabelLimit]:
        count = getattr(model, "num_classes", None)
        return [] if count is None else [LabelLimit("labels", count)]


class Instances(Detection):
    """Detection with `masks`, or with `keypoints` (B, D, K, 3): x, y in pixels, score."""

    name = "instances"
    targets = ("boxes", "labels", "masks")
    predictions = (*Detection.predictions, "masks")

    def label_limits(self, model: Model) -> list[LabelLimit]:
        keypoints = getattr(model, "num_keypoints", None)
        rows = [] if keypoints is None else [keypoint_limit(keypoints)]
        return [*super().label_limits(model), *rows]


DETECTION = Detection()
INSTANCES = Instances()
