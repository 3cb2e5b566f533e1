"""Detectors that are given an image's regions along with the image: R-CNN's line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from zoo.boxes.formats import clip
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import truth_of
from zoo.detection.postprocessing import SMALLEST_SIDE
from zoo.detection.two_stage.roi_heads import BoxBranch, RegionSampling, maps_of
from zoo.flops import count_flops

LOSSES = ("class", "box")


@keras.saving.register_keras_serializable(package="zoo")
class ProposalDetector(Detector):
    """A backbone as the functional graph, a head that looks at the given regions behind it.

    The model takes `{"image": (B, H, W, C), "proposals": (B, P, 4)}`, xyxy in pixels of the canvas,
    best first; rows without area or with a number that is none are padding. The head looks at the
    first `limit` of them and, while training, at sampled ones alone.

    Args:
        images: the images' input.
        maps: {level: map} of the graph, of which regions are cut.
        sampling: of regions to learn from.
        box: the branch for classes and boxes.
        limit: most proposals that answers look at.
        losses: names of what the branch's losses are.
        name: of the model.
    """

    def __init__(
        self,
        images: Any,
        maps: Mapping[int, Any],
        *,
        sampling: RegionSampling,
        box: BoxBranch,
        limit: int,
        losses: tuple[str, ...] = LOSSES,
        name: str | None = None,
    ):
        proposals = keras.Input((None, 4), name="proposals", dtype="float32")
        # Half precision has no room for coordinates.
        passed = layers.Identity(dtype="float32", name="given")(proposals)
        outputs = {**{f"p{level}": each for level, each in maps.items()}, "proposals": passed}
        inputs = {"image": images, "proposals": proposals}
        super().__init__(inputs, outputs, losses=losses, task="detection", name=name)
        self.sampling, self.box, self.limit = sampling, box, limit
        # Keras tracks models that are attributes, not those inside plain objects.
        self.box_head = box.head
        self.seeds = keras.random.SeedGenerator(0)

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = truth_of(targets)
        boxes, valid = self.regions_of(outputs, *ops.shape(images["image"])[1:3])
        sample = self.sampling(boxes, valid, truth, self.seeds.next() if training else 1)
        logits, deltas = self.box.forward(maps_of(outputs), sample["boxes"], training)
        parts = self.box.losses(logits, deltas, sample, truth)
        return dict(zip(self.loss_parts, parts, strict=True))

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.regions_of(outputs, height, width)
        logits, deltas = self.box.forward(maps_of(outputs), boxes, training=False)
        found = self.box.postprocess(logits, deltas, boxes, valid, height, width)
        return {**found, "boxes": transform.restore_boxes(found["boxes"])}

    def second_stage_macs(self) -> int:
        """Multiply-accumulates of the head on an image's proposals."""
        return self.limit * (count_flops(self.box.head) // 2)

    def regions_of(self, outputs: Mapping[str, Any], height, width):
        """Boxes (B, R, 4) within the image and whether each is one (B, R), R known."""
        boxes = ops.stop_gradient(ops.cast(outputs["proposals"], "float32"))
        if boxes.shape[1] is None:
            boxes = ops.pad(boxes, [[0, 0], [0, self.limit], [0, 0]])
        count = self.limit if boxes.shape[1] is None else min(self.limit, boxes.shape[1])
        boxes = ops.reshape(boxes[:, :count], (-1, count, 4))
        # NaN and infinities are unequal to themselves less themselves.
        there = ops.all(boxes - boxes == 0, axis=-1)
        boxes = clip(ops.where(there[..., None], boxes, 0.0), height, width)
        valid = ops.all(boxes[..., 2:] - boxes[..., :2] >= SMALLEST_SIDE, axis=-1)
        return ops.where(valid[..., None], boxes, 0.0), valid


def freeze_convolutions(model: keras.Model, count: int) -> None:
    """Leaves the first `count` convolutions of a model, and the layers between, as they are."""
    convolutions = 0
    for layer in model.layers:
        convolutions += isinstance(layer, layers.Conv2D)
        if convolutions > count:
            return
        layer.trainable = False
