"""The model class of YOLOv1 (Redmon et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.detector import Detector
from zoo.detection.postprocessing import Selection, select_by_class
from zoo.detection.yolo.yolo_v1_loss import (
    YoloV1Settings,
    corner_factors,
    yolo_v1_loss,
    yolo_v1_predictions,
)
from zoo.layers.resize import ResizeTo
from zoo.layers.shapes import MapLayer, check_map, height_width


@keras.saving.register_keras_serializable(package="zoo")
class InputSize(MapLayer):
    """Height and width of maps (N, H, W, C) as (N, 2) float32."""

    def call(self, inputs):
        size = ops.cast(ops.stack(height_width(inputs)), "float32")
        return ops.broadcast_to(size, (ops.shape(inputs)[0], 2))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((check_map(inputs.shape, "InputSize")[0], 2), "float32")


def stretch(x, height: int, width: int):
    """Resizes maps to the fixed size of a network with dense layers, ignoring the aspect ratio."""
    if x.shape[1:3] == (height, width):
        return x
    return ResizeTo(height, width, name="stretch")(x)


@keras.saving.register_keras_serializable(package="zoo")
class YoloV1Detector(Detector):
    """A detector with several boxes and one class per cell of a grid.

    The output `cells` (B, S·S·(C + 5·B)) holds class scores (S, S, C), confidences (S, S, B) and
    boxes (S, S, B, 4): x, y relative to the cell, and √w, √h relative to the image; this is the
    order of Darknet's files. `input_size` (B, 2) is the height and width of the model input.
    """

    def __init__(
        self,
        inputs,
        outputs,
        *,
        settings: YoloV1Settings,
        selection: Selection,
        name: str | None = None,
    ):
        losses = ("box", "object", "no_object", "class")
        super().__init__(inputs, outputs, losses=losses, task="detection", name=name)
        self.settings, self.selection = settings, selection

    @property
    def num_classes(self) -> int:
        return self.settings.classes

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        predictions = yolo_v1_predictions(outputs["cells"], self.settings)
        return yolo_v1_loss(predictions, targets, outputs["input_size"], self.settings)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        settings = self.settings
        predictions = yolo_v1_predictions(outputs["cells"], settings)
        rows = settings.grid_size**2 * settings.boxes
        boxes = ops.reshape(predictions["boxes"], (-1, rows, 4))
        scores = predictions["confidence"][..., None] * predictions["classes"][:, :, None]
        # Linear outputs are not confined to [0, 1].
        scores = ops.reshape(ops.clip(scores, 0.0, 1.0), (-1, rows, settings.classes))
        boxes = boxes * corner_factors(outputs["input_size"])
        return select_by_class(boxes, scores, transform, self.selection)
