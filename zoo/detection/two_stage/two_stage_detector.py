"""Two-stage detectors: a region proposal network, and branches on its RoIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras
from keras import ops

from zoo.detection.detector import Detector
from zoo.detection.ground_truth import mark_valid
from zoo.detection.two_stage.box_branch import BoxBranch
from zoo.detection.two_stage.roi_pooling import maps_by_level
from zoo.detection.two_stage.roi_sampling import RoiSampling
from zoo.detection.two_stage.rpn import RegionProposals
from zoo.detection.two_stage.rpn_loss import rpn_loss
from zoo.flops import count_flops

RPN_LOSSES = ("objectness", "rpn_box")
BOX_LOSSES = ("class", "box")
TRAINABLE_PARTS = ("all", "proposals", "regions")


class Branch(Protocol):
    """A further branch of the second stage: masks or keypoints."""

    @property
    def name(self) -> str:
        """Name of its loss."""

    @property
    def head(self) -> keras.Model:
        """Its layers."""

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Computes the loss of the positive RoIs of `sample`, a scalar."""

    def postprocess(self, maps, detections: dict[str, Any], transform) -> dict[str, Any]:
        """Returns further predictions of detections with boxes in pixels of the model input."""


@keras.saving.register_keras_serializable(package="zoo")
class TwoStageDetector(Detector):
    """Backbone and region proposal network as the functional graph, with branches on RoIs.

    The outputs of the graph are `objectness`, `rpn_deltas` and the feature maps `p2`, …; RoIs are
    pooled from those of `roi_levels`. Training runs the branches on sampled RoIs only, prediction
    runs them on the proposals. `trainable_part` is `"all"`, `"proposals"` for the region proposal
    network and the layers below it, or `"regions"` for the branches and the layers below them.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        proposals: RegionProposals,
        sampling: RoiSampling,
        box: BoxBranch,
        branches: tuple[Branch, ...] = (),
        roi_levels: tuple[int, ...],
        task: str = "detection",
        trainable_part: str = "all",
        name: str | None = None,
    ):
        branch_losses = (*BOX_LOSSES, *(branch.name for branch in branches))
        losses = {
            "all": (*RPN_LOSSES, *branch_losses),
            "proposals": RPN_LOSSES,
            "regions": branch_losses,
        }[trainable_part]
        super().__init__(inputs, outputs, losses=losses, task=task, name=name)
        self.proposals, self.sampling, self.box = proposals, sampling, box
        self.branches = branches
        self.trainable_part = trainable_part
        self.roi_levels = roi_levels
        # Keras tracks models that are attributes, but not those inside of plain objects.
        self.box_head = box.head
        for branch in branches:
            setattr(self, f"{branch.name}_head", branch.head)
        self.seeds = keras.random.SeedGenerator(0)
        if trainable_part == "proposals":
            for head in (box.head, *(branch.head for branch in branches)):
                head.trainable = False
        if trainable_part == "regions":
            for layer in self.layers:
                layer.trainable = layer.trainable and not layer.name.startswith("rpn_")

    @property
    def num_classes(self) -> int:
        return self.box.num_classes

    @property
    def num_keypoints(self) -> int | None:
        """Number of keypoints of an object; None without a branch for them."""
        heads = [branch.head for branch in self.branches if branch.name == "keypoints"]
        return heads[0].output_shape[-1] if heads else None

    @property
    def monitor(self) -> tuple[str, str]:
        # Detections do not depend on the proposals alone as long as the branches are untrained.
        return ("val_loss", "min") if self.trainable_part == "proposals" else self.task.monitor

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = mark_valid(targets)
        maps, roi_maps = self.feature_maps(outputs)
        height, width = ops.shape(images)[1:3]
        seeds = [self.seeds.next(), self.seeds.next()] if training else [0, 1]
        parts: dict[str, Any] = {}
        if self.trainable_part != "regions":
            losses = rpn_loss(self.proposals, outputs, maps, truth, height, width, seeds[0])
            parts.update(zip(RPN_LOSSES, losses, strict=True))
        if self.trainable_part == "proposals":
            return parts
        boxes, valid = self.proposals.propose(outputs, maps, height, width, training)
        sample = self.sampling(boxes, valid, truth, seeds[1])
        logits, deltas = self.box.forward(roi_maps, sample["boxes"], training)
        losses = self.box.losses(logits, deltas, sample, truth)
        parts.update(zip(BOX_LOSSES, losses, strict=True))
        for branch in self.branches:
            positives = {key: value[:, : self.sampling.positives] for key, value in sample.items()}
            parts[branch.name] = branch.loss(roi_maps, positives, truth, training)
        return parts

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        maps, roi_maps = self.feature_maps(outputs)
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.proposals.propose(outputs, maps, height, width, training=False)
        logits, deltas = self.box.forward(roi_maps, boxes, training=False)
        detections = self.box.postprocess(logits, deltas, boxes, valid, height, width)
        predictions = {**detections, "boxes": transform.restore_boxes(detections["boxes"])}
        for branch in self.branches:
            predictions.update(branch.postprocess(roi_maps, detections, transform))
        return predictions

    def second_stage_macs(self) -> int:
        """Returns the multiply-accumulates of the branches per image."""
        total = self.proposals.after_nms[1] * (count_flops(self.box.head) // 2)
        for branch in self.branches:
            total += self.box.selection.max_detections * (count_flops(branch.head) // 2)
        return total

    def feature_maps(self, outputs: Mapping[str, Any]):
        """Returns the feature maps by level: all, and those that RoIs are pooled from."""
        maps = maps_by_level(outputs)
        return maps, {level: maps[level] for level in self.roi_levels}
