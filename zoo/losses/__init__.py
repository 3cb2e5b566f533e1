"""Losses that several architectures share, one kind of prediction per file.

The loss of one paper is beside its architecture, such as `zoo.detection.two_stage.rpn_loss`.
"""

from zoo.losses.localization_losses import BoxLoss, KeypointLoss, LabelCrossEntropy
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
    "KeypointLoss",
    "LabelCrossEntropy",
    "Lovasz",
    "SegmentationLoss",
    "Sum",
]
