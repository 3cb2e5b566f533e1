"""Losses, one family a file."""

from zoo.losses.segmentation import (
    CrossEntropy,
    Dice,
    Focal,
    Jaccard,
    Lovasz,
    SegmentationLoss,
    Sum,
)

__all__ = ["CrossEntropy", "Dice", "Focal", "Jaccard", "Lovasz", "SegmentationLoss", "Sum"]
