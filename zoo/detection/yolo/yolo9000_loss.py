"""YOLO9000's reading of a grid: classes of a tree, and images without boxes (CVPR 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.detection.postprocessing import select_labelled
from zoo.detection.yolo.word_tree import WordTree
from zoo.detection.yolo.yolo_v2_loss import YoloV2Detector, YoloV2Settings
from zoo.losses.detection_losses import per_image

ASSUMED_IOU = 0.3


@dataclasses.dataclass(frozen=True)
class TreeSettings(YoloV2Settings):
    """As of a grid.

    Attributes:
        descent: lowest probability of a class to go on to it from the one above.
    """

    descent: float = 0.5


@keras.saving.register_keras_serializable(package="zoo")
class TreeDetector(YoloV2Detector):
    """A grid of cells whose class logits are those of a tree.

    It learns from two kinds of images, in one batch in any mixture. Of those for detection all
    objects are told, as for every detector. Of those for classification the target `label` (B,)
    tells a class, 0 or more, and `boxes` are all padding; −1 marks an image for detection. Without
    `label` among the targets all images are for detection.

    Args:
        inputs, outputs, settings, name: as of `YoloV2Detector`.
        tree: of the classes.
    """

    settings: TreeSettings

    def __init__(self, inputs, outputs, *, settings: TreeSettings, tree: WordTree, name=None):
        super().__init__(inputs, outputs, settings=settings, name=name)
        # A plain attribute would be tracked by Keras.
        self._get_tree = lambda: tree

    @property
    def tree(self) -> WordTree:
        """Of the classes."""
        return self._get_tree()

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        parts = super().compute_losses(images, targets, outputs, training)
        if "label" not in targets:
            return parts
        settings = self.settings
        found = self.predictions(outputs["cells"])
        told = ops.logical_not(self.searched(targets))
        label = ops.maximum(ops.cast(targets["label"], "int32"), 0)
        conditional = self.tree.log_conditional(found["logits"])
        everywhere = ops.broadcast_to(label[:, None], ops.shape(found["objectness"]))
        likely = self.tree.log_probability_of(conditional, everywhere)
        sure = ops.stop_gradient(found["objectness"] * ops.exp(likely))
        best = ops.argmax(sure, axis=-1)[:, None]
        objectness = ops.take_along_axis(found["objectness"], best, axis=1)[:, 0]
        missing = ops.maximum(ASSUMED_IOU - objectness, 0.0)
        unlikely = -ops.take_along_axis(likely, best, axis=1)[:, 0]
        return {
            **parts,
            "object": parts["object"] + settings.object_ * per_image(ops.square(missing) / 2, told),
            "class": parts["class"] + settings.class_ * per_image(unlikely, told),
        }

    def searched(self, targets: Mapping[str, Any]) -> Any:
        if "label" not in targets:
            return super().searched(targets)
        return targets["label"] < 0

    def class_loss(self, logits, label):
        """−log P(label): every class on the way up is told from its siblings."""
        conditional = self.tree.log_conditional(logits)
        return -self.tree.log_probability_of(conditional, label)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        found = self.predictions(outputs["cells"])
        conditional = self.tree.log_conditional(found["logits"])
        label, likely = self.tree.descend(conditional, self.settings.descent)
        boxes = found["boxes"] * self.settings.stride
        return select_labelled(boxes, label, found["objectness"] * likely, transform, self.settings)
