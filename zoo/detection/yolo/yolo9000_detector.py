"""The model class of YOLO9000 (Redmon & Farhadi, CVPR 2017)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import keras

from zoo.detection.postprocessing import Selection, select_labeled
from zoo.detection.yolo.word_tree import WordTree
from zoo.detection.yolo.yolo9000_loss import tree_class_loss, yolo9000_loss
from zoo.detection.yolo.yolo_v2_detector import YoloV2Detector
from zoo.detection.yolo.yolo_v2_loss import YoloV2Settings
from zoo.tasks.label_limits import LabelLimit


@dataclasses.dataclass(frozen=True)
class Yolo9000Settings(YoloV2Settings):
    """Settings of YOLOv2, and the minimum probability of a class in the descent of the tree."""

    descent_threshold: float = 0.5


@keras.saving.register_keras_serializable(package="zoo")
class Yolo9000Detector(YoloV2Detector):
    """YOLOv2 with the classes of a tree, trained on two kinds of images in any mixture.

    Detection images have all of their objects in `boxes`, as for every detector. Classification
    images have a class in the target `label` (B,), and only padding in `boxes`; `label` is −1 for
    detection images. Without the target `label` all images are detection images.
    """

    settings: Yolo9000Settings

    def __init__(
        self,
        inputs,
        outputs,
        *,
        settings: Yolo9000Settings,
        selection: Selection,
        tree: WordTree,
        name: str | None = None,
    ):
        super().__init__(inputs, outputs, settings=settings, selection=selection, name=name)
        # Keras would track a plain attribute.
        self._get_tree = lambda: tree

    @property
    def label_limits(self) -> list[LabelLimit]:
        return [*super().label_limits, LabelLimit("label", len(self.tree))]

    @property
    def tree(self) -> WordTree:
        """Tree of the classes."""
        return self._get_tree()

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        class_loss = functools.partial(tree_class_loss, self.tree)
        if "label" not in targets:
            return self._compute_parts(targets, outputs, training, class_loss=class_loss)
        labels = targets["label"]
        parts = self._compute_parts(
            targets, outputs, training, class_loss=class_loss, annotated=labels < 0
        )
        unlocated = yolo9000_loss(self.predictions(outputs), labels, self.settings, self.tree)
        return {**parts, **{key: parts[key] + value for key, value in unlocated.items()}}

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        found = self.predictions(outputs)
        conditional = self.tree.log_conditional(found["logits"])
        label, probability = self.tree.descend(conditional, self.settings.descent_threshold)
        boxes = found["boxes"] * self.settings.stride
        scores = found["objectness"] * probability
        return select_labeled(boxes, label, scores, transform, self.selection)
