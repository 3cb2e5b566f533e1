"""The model class of YOLOv2 (Redmon & Farhadi, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.detector import Detector
from zoo.detection.postprocessing import Selection, select_by_class
from zoo.detection.yolo.yolo_v2_loss import YoloV2Settings, yolo_v2_loss, yolo_v2_predictions
from zoo.layers.class_softmax import class_softmax


@keras.saving.register_keras_serializable(package="zoo")
class YoloV2Detector(Detector):
    """A detector whose last map predicts boxes from anchor priors in every cell.

    The output `cells` (B, h, w, A·(5 + C)) holds t_x, t_y, t_w, t_h, objectness and class logits
    for each prior.
    """

    def __init__(
        self,
        inputs,
        outputs,
        *,
        settings: YoloV2Settings,
        selection: Selection,
        name: str | None = None,
    ):
        losses = ("box", "object", "no_object", "class", "prior")
        super().__init__(inputs, outputs, losses=losses, task="detection", name=name)
        self.settings, self.selection = settings, selection
        self.seen = self.add_weight(
            name="seen", shape=(), dtype="float32", initializer="zeros", trainable=False
        )

    @property
    def num_classes(self) -> int:
        return self.output["cells"].shape[-1] // len(self.settings.anchor_priors) - 5

    def predictions(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the predictions of `yolo_v2_predictions`, boxes in cells."""
        return yolo_v2_predictions(outputs["cells"], self.settings.anchor_priors)

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        return self._compute_parts(targets, outputs, training)

    def _compute_parts(self, targets, outputs, training: bool, **arguments: Any) -> dict[str, Any]:
        """The parts of the loss; counts the images of training for the prior warm-up."""
        early = ops.cast(self.seen < self.settings.prior_warmup_images, "float32")
        if training:
            images = ops.shape(outputs["cells"])[0]
            self.seen.assign_add(ops.cast(images, "float32"))
        return yolo_v2_loss(
            self.predictions(outputs),
            targets,
            ops.shape(outputs["cells"])[1:3],
            self.settings,
            prior_factor=early,
            **arguments,
        )

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        found = self.predictions(outputs)
        scores = found["objectness"][..., None] * class_softmax(found["logits"])
        boxes = found["boxes"] * self.settings.stride
        return select_by_class(boxes, scores, transform, self.selection)
