"""The model class of YOLOv3 (Redmon & Farhadi, 2018); it is for prediction only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.postprocessing import Selection, select_by_class
from zoo.detection.yolo.yolo_v2_loss import Priors, yolo_v2_predictions
from zoo.errors import InputError
from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class YoloV3Settings:
    """Priors of each output map, (width, height) in pixels, and its pixels per cell."""

    anchor_priors: tuple[Priors, ...]
    strides: tuple[int, ...]


@keras.saving.register_keras_serializable(package="zoo")
class YoloV3Detector(Model):
    """A detector with several output maps and independent class probabilities.

    Redmon & Farhadi, *YOLOv3: An Incremental Improvement*, 2018: boxes as in YOLOv2, scores are
    objectness times the sigmoid of a class. Outputs are `cells0`, …, each (B, h, w, A·(5 + C)).
    """

    def __init__(
        self,
        inputs,
        outputs,
        *,
        settings: YoloV3Settings,
        selection: Selection,
        name: str | None = None,
    ):
        super().__init__(inputs, outputs, task="detection", name=name)
        self.settings, self.selection = settings, selection

    def compile(self, *args: Any, **kwargs: Any):
        """Raises an InputError, since there is no loss for these outputs."""
        raise InputError(
            f"{self.name}: a network with [yolo] sections cannot be trained; use yolo_v2 instead."
        )

    def predictions(self, outputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Returns boxes (B, R, 4) xyxy in pixels of the model input, and scores (B, R, C)."""
        boxes, scores = [], []
        settings = self.settings
        for number, (priors, stride) in enumerate(
            zip(settings.anchor_priors, settings.strides, strict=True)
        ):
            cells = [(width / stride, height / stride) for width, height in priors]
            found = yolo_v2_predictions(outputs[f"cells{number}"], cells)
            boxes.append(found["boxes"] * stride)
            scores.append(found["objectness"][..., None] * ops.sigmoid(found["logits"]))
        return ops.concatenate(boxes, axis=1), ops.concatenate(scores, axis=1)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        boxes, scores = self.predictions(outputs)
        return select_by_class(boxes, scores, transform, self.selection)
