"""Losses, one family a file."""

from zoo.losses.localization import BoxLoss, JointLoss, LabelCrossEntropy
from zoo.losses.segmentation import (
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
