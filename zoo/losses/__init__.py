"""Losses, one family a file."""

from zoo.losses.localization_losses import BoxLoss, JointLoss, LabelCrossEntropy
from zoo.losses.segmentation_losses import (
    CrossEntropy,
    Dice,
    Focal,
    Jaccard,
    Lovasz,
    SegmentationLoss,
    Sum,
)

__all__ = [
    "BoxLoss",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Jaccard",
    "JointLoss",
    "LabelCrossEntropy",
    "Lovasz",
    "SegmentationLoss",
    "Sum",
]
