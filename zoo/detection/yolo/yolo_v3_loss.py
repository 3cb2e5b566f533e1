"""YOLOv3's answers: boxes from priors on several maps, classes that do not exclude each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.postprocessing import select_by_class
from zoo.detection.yolo.yolo_v2_loss import cell_layout
from zoo.errors import InputError
from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class YoloV3Settings:
    """How the maps are read.

    Attributes:
        anchors: of each map, (width, height) of its priors in pixels.
        strides: pixels a cell of each map.
        score_threshold, nms_iou, detections, candidates, class_agnostic: of the answers.
    """

    anchors: tuple[tuple[tuple[float, float], ...], ...]
    strides: tuple[int, ...]
    score_threshold: float = 0.005
    nms_iou: float = 0.45
    detections: int = 100
    candidates: int = 1000
    class_agnostic: bool = False


@keras.saving.register_keras_serializable(package="zoo")
class YoloV3Detector(Model):
    """A detector with several maps of cells, each with priors of its own, that only answers.

    Redmon & Farhadi, *YOLOv3: An Incremental Improvement*, 2018: as in YOLOv2, but objectness times
    an independent probability of each class.

    Args:
        inputs, outputs, name: of the graph; output `cells0`, `cells1` … are (B, h, w, A·(5 + C)).
        settings: see `YoloV3Settings`.
    """

    def __init__(self, inputs, outputs, *, settings: YoloV3Settings, name: str | None = None):
        super().__init__(inputs, outputs, task="detection", name=name)
        self.settings = settings

    def compile(self, *args: Any, **kwargs: Any):
        """Raises InputError: the zoo has no loss for these outputs."""
        raise InputError(
            f"{self.name}: a network with [yolo] layers answers only; to learn, take yolo_v2."
        )

    def predictions(self, outputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Boxes (B, R, 4) xyxy in pixels of the canvas, and scores (B, R, C), map after map."""
        boxes, scores = [], []
        settings = self.settings
        for number, (anchors, stride) in enumerate(
            zip(settings.anchors, settings.strides, strict=True)
        ):
            cells = ops.cast(outputs[f"cells{number}"], "float32")
            height, width = ops.shape(cells)[1:3]
            count = len(anchors)
            depth = cells.shape[-1] // count
            cells = ops.reshape(cells, (-1, height * width * count, depth))
            corner, priors = cell_layout(height, width, anchors)
            centre = (ops.sigmoid(cells[..., :2]) + corner) * stride
            size = priors * ops.exp(ops.clip(cells[..., 2:4], -10.0, 10.0))
            boxes.append(ops.concatenate([centre - size / 2, centre + size / 2], axis=-1))
            scores.append(ops.sigmoid(cells[..., 4:5]) * ops.sigmoid(cells[..., 5:]))
        return ops.concatenate(boxes, axis=1), ops.concatenate(scores, axis=1)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        boxes, scores = self.predictions(outputs)
        return select_by_class(boxes, scores, transform, self.settings)
