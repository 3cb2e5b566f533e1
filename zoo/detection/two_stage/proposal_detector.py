"""Detectors that take precomputed proposals beside the images: Fast R-CNN and R-CNN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from zoo.boxes.box_formats import clip
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import mark_valid
from zoo.detection.postprocessing import SMALLEST_SIDE
from zoo.detection.two_stage.box_branch import BoxBranch
from zoo.detection.two_stage.roi_pooling import maps_by_level
from zoo.detection.two_stage.roi_sampling import RoiSampling
from zoo.flops import count_flops


@keras.saving.register_keras_serializable(package="zoo")
class ProposalDetector(Detector):
    """A backbone as the functional graph, with a branch on the given proposals.

    The model takes `{"image": (B, H, W, C), "proposals": (B, P, 4)}`, xyxy in pixels of the model
    input, in order of score; rows without area or with a NaN are padding. The first
    `max_proposals` of them are used, in training a sample of these.
    """

    def __init__(
        self,
        images: Any,
        maps: Mapping[int, Any],
        *,
        sampling: RoiSampling,
        box: BoxBranch,
        max_proposals: int,
        losses: tuple[str, ...] = ("class", "box"),
        name: str | None = None,
    ):
        proposals = keras.Input((None, 4), name="proposals", dtype="float32")
        # Half precision cannot hold pixel coordinates.
        coordinates = layers.Identity(dtype="float32", name="proposal_boxes")(proposals)
        outputs = {**{f"p{level}": each for level, each in maps.items()}, "proposals": coordinates}
        inputs = {"image": images, "proposals": proposals}
        super().__init__(inputs, outputs, losses=losses, task="detection", name=name)
        self.sampling, self.box, self.max_proposals = sampling, box, max_proposals
        # Keras tracks models that are attributes, but not those inside of plain objects.
        self.box_head = box.head
        self.seeds = keras.random.SeedGenerator(0)

    @property
    def num_classes(self) -> int:
        return self.box.num_classes

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = mark_valid(targets)
        boxes, valid = self.valid_proposals(outputs, *ops.shape(images["image"])[1:3])
        sample = self.sampling(boxes, valid, truth, self.seeds.next() if training else 1)
        logits, deltas = self.box.forward(maps_by_level(outputs), sample["boxes"], training)
        parts = self.box.losses(logits, deltas, sample, truth)
        return dict(zip(self.loss_parts, parts, strict=True))

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.valid_proposals(outputs, height, width)
        logits, deltas = self.box.forward(maps_by_level(outputs), boxes, training=False)
        detections = self.box.postprocess(logits, deltas, boxes, valid, height, width)
        return {**detections, "boxes": transform.restore_boxes(detections["boxes"])}

    def second_stage_macs(self) -> int:
        """Returns the multiply-accumulates of the branch per image."""
        return self.max_proposals * (count_flops(self.box.head) // 2)

    def valid_proposals(self, outputs: Mapping[str, Any], height, width):
        """Returns the first proposals (B, R, 4), clipped to the image, and valid (B, R) bool."""
        limit = self.max_proposals
        boxes = ops.stop_gradient(ops.cast(outputs["proposals"], "float32"))
        if boxes.shape[1] is None:
            boxes = ops.pad(boxes, [[0, 0], [0, limit], [0, 0]])
        count = limit if boxes.shape[1] is None else min(limit, boxes.shape[1])
        boxes = ops.reshape(boxes[:, :count], (-1, count, 4))
        # x − x is NaN for NaN and infinities.
        finite = ops.all(boxes - boxes == 0, axis=-1)
        boxes = clip(ops.where(finite[..., None], boxes, 0.0), height, width)
        valid = ops.all(boxes[..., 2:] - boxes[..., :2] >= SMALLEST_SIDE, axis=-1)
        return ops.where(valid[..., None], boxes, 0.0), valid
