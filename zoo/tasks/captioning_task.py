"""Captioning: regions of an image, and a sentence about each of them."""

from __future__ import annotations

from zoo.tasks.detection_task import Detection

PADDING, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<pad>", "<start>", "<end>", "<unk>")
"""What the first token ids stand for; words follow."""


class Captioning(Detection):
    """As detection, every region of the one class 0, and `captions` (B, D, T): token ids int32, 0
    behind the last word and behind the last region. A SavedModel says them as strings (B, D)."""

    name = "captioning"
    targets = ("boxes", "labels", "captions")
    classes_of = "captions"
    predictions = (*Detection.predictions, "captions")
    monitor = ("val_mean_ap", "max")


CAPTIONING = Captioning()
