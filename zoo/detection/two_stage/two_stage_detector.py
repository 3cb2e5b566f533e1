"""Two-stage detectors: regions first, then what is in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras
from keras import ops

from zoo.detection.detector import Detector
from zoo.detection.ground_truth import truth_of
from zoo.detection.two_stage.roi_heads import BoxBranch, RegionSampling, maps_of
from zoo.detection.two_stage.rpn import RegionProposals
from zoo.flops import count_flops

BOX_LOSSES = ("objectness", "rpn_box", "class", "box")
TRAINABLE_PARTS = ("all", "proposals", "regions")


class Branch(Protocol):
    """What more is said about a region that shows an object: its mask, its joints."""

    @property
    def name(self) -> str:
        """Of its loss."""

    @property
    def head(self) -> keras.Model:
        """What is learned."""

    def loss(self, maps, sample, truth: Mapping[str, Any], training: bool) -> Any:
        """Scalar loss over the positive regions of `sample`, which come first."""

    def postprocess(self, maps, found: dict[str, Any], transform) -> dict[str, Any]:
        """Entries of the final answer; `found` has boxes on the canvas."""


@keras.saving.register_keras_serializable(package="zoo")
class TwoStageDetector(Detector):
    """Backbone and region proposal network as the functional graph, heads behind it.

    Training runs the heads on the sampled regions alone; answers run them on the proposals.

    Args:
        inputs, outputs, name: of the graph; outputs are `objectness`, `rpn_deltas` and the maps,
            named `p` and their level.
        proposals: what the network's scores become.
        sampling: of regions to learn from.
        box: the branch for classes and boxes.
        branches: further ones.
        region_levels: of the maps that regions are cut from.
        task: `"detection"` or `"instances"`.
        learns: `"all"`; `"proposals"` for the proposal network and the maps, the heads staying as
            they are; `"regions"` for the heads and the maps.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        proposals: RegionProposals,
        sampling: RegionSampling,
        box: BoxBranch,
        branches: tuple[Branch, ...] = (),
        region_levels: tuple[int, ...],
        task: str = "detection",
        trainable_part: str = "all",
        name: str | None = None,
    ):
        heads = (*BOX_LOSSES[2:], *(branch.name for branch in branches))
        losses = {
            "all": (*BOX_LOSSES[:2], *heads),
            "proposals": BOX_LOSSES[:2],
            "regions": heads,
        }[trainable_part]
        super().__init__(inputs, outputs, losses=losses, task=task, name=name)
        self.proposals, self.sampling, self.box = proposals, sampling, box
        self.branches = branches
        self.trainable_part = trainable_part
        self.region_levels = region_levels
        # Keras tracks models that are attributes, not those inside plain objects.
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
    def monitor(self) -> tuple[str, str]:
        # Answers say nothing of proposals as long as the heads have not learned.
        return ("val_loss", "min") if self.trainable_part == "proposals" else self.task.monitor

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = truth_of(targets)
        maps, regions = self.maps_of(outputs)
        height, width = ops.shape(images)[1:3]
        seeds = [self.seeds.next(), self.seeds.next()] if training else [0, 1]
        parts: dict[str, Any] = {}
        if self.trainable_part != "regions":
            losses = self.proposals.losses(outputs, maps, truth, height, width, seeds[0])
            parts.update(zip(BOX_LOSSES[:2], losses, strict=True))
        if self.trainable_part == "proposals":
            return parts
        boxes, valid = self.proposals.propose(outputs, maps, height, width, training)
        sample = self.sampling(boxes, valid, truth, seeds[1])
        logits, deltas = self.box.forward(regions, sample["boxes"], training)
        losses = self.box.losses(logits, deltas, sample, truth)
        parts.update(zip(BOX_LOSSES[2:], losses, strict=True))
        for branch in self.branches:
            positives = {key: value[:, : self.sampling.positives] for key, value in sample.items()}
            parts[branch.name] = branch.loss(regions, positives, truth, training)
        return parts

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        maps, regions = self.maps_of(outputs)
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.proposals.propose(outputs, maps, height, width, training=False)
        logits, deltas = self.box.forward(regions, boxes, training=False)
        found = self.box.postprocess(logits, deltas, boxes, valid, height, width)
        predictions = {**found, "boxes": transform.restore_boxes(found["boxes"])}
        for branch in self.branches:
            predictions.update(branch.postprocess(regions, found, transform))
        return predictions

    def second_stage_macs(self) -> int:
        """Multiply-accumulates of the heads on one image's proposals and detections."""
        per_region = count_flops(self.box.head) // 2
        total = self.proposals.after_nms[1] * per_region
        for branch in self.branches:
            total += self.box.detections * (count_flops(branch.head) // 2)
        return total

    def maps_of(self, outputs: Mapping[str, Any]):
        """The maps by level, all of them and those that regions are cut from."""
        maps = maps_of(outputs)
        return maps, {level: maps[level] for level in self.region_levels}
