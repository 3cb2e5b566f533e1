"""Captioning: regions of an image and a caption for each."""

from __future__ import annotations

from zoo.tasks.detection_task import Detection

PADDING, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")
"""The first tokens of a vocabulary; words follow."""


class Captioning(Detection):
    """Detection of regions of class 0 with `captions` (B, D, T), token ids int32 padded with 0.

    A SavedModel has captions as strings (B, D).
    """

    name = "captioning"
    targets = ("boxes", "labels", "captions")
    classes_of = "captions"
    predictions = (*Detection.predictions, "captions")
    monitor = ("val_mean_ap", "max")


CAPTIONING = Captioning()
