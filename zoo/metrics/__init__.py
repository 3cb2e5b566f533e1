"""Metrics inside the graph, one kind of prediction per file."""

from zoo.metrics.segmentation_metrics import ClassIoU, ConfusionMatrix, Dice, MeanIoU, PixelAccuracy
from zoo.metrics.single_object_metrics import (
    BoxIoU,
    CorrectKeypoints,
    LocalizationAccuracy,
    TopAccuracy,
)

__all__ = [
    "BoxIoU",
    "ClassIoU",
    "ConfusionMatrix",
    "CorrectKeypoints",
    "Dice",
    "LocalizationAccuracy",
    "MeanIoU",
    "PixelAccuracy",
    "TopAccuracy",
]
