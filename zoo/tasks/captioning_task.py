"""Captioning: regions of an image and a caption for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.tasks.detection_task import Detection
from zoo.tasks.label_limits import LabelLimit

if TYPE_CHECKING:
    from zoo.model import Model

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

    def label_limits(self, model: Model) -> list[LabelLimit]:
        size = getattr(model, "num_tokens", None)
        limit = LabelLimit("captions", size or 0, "token", "vocabulary_size", least=0)
        return [limit] if size else []


CAPTIONING = Captioning()
