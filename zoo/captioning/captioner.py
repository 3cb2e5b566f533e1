"""The model class of DenseCap: regions, their scores and their captions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.box_formats import clip
from zoo.boxes.coder import decode, encode
from zoo.boxes.numerics import take_rows
from zoo.captioning.beam_search import beam_search
from zoo.captioning.language_model import LanguageModel
from zoo.captioning.region_selection import CaptionSampling, region_maps
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import mark_valid
from zoo.detection.two_stage.rpn import RegionProposals
from zoo.flops import count_flops
from zoo.layers.nms import nms
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy, smooth_l1
from zoo.tasks.captioning_task import SPECIAL

LOSSES = ("rpn_box", "rpn_objectness", "box", "objectness", "caption")
LEVEL, STRIDE = 4, 16
# Boxes with a larger target are left out of the box loss, as in the authors' code.
_LARGEST_TARGET = 10.0


@dataclasses.dataclass(frozen=True)
class CaptionSettings:
    """Settings of the prediction of regions and captions, see `densecap`."""

    max_words: int = 15
    beam_width: int = 1
    nms_iou: float = 0.3
    score_threshold: float = 0.05
    max_detections: int = 100


@keras.saving.register_keras_serializable(package="zoo")
class DenseCaptioner(Detector):
    """Backbone and region proposal network as the functional graph, with captions of its regions.

    Training uses the sampled boxes of the first stage, with gradients to the boxes; prediction
    uses the proposals. The outputs of the graph are `objectness`, `rpn_deltas` and the feature map
    `p4`; `size` is the number of sampling points per side of a region's map.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: dict[str, Any],
        *,
        proposals: RegionProposals,
        sampling: CaptionSampling,
        recognition: keras.Model,
        language: LanguageModel,
        settings: CaptionSettings,
        size: int,
        vocabulary: tuple[str, ...] = (),
        loss_weights: Mapping[str, float] | None = None,
        name: str | None = None,
    ):
        super().__init__(
            inputs, outputs, losses=LOSSES, loss_weights=loss_weights, task="captioning", name=name
        )
        self.proposals, self.sampling, self.settings = proposals, sampling, settings
        self.recognition, self.language, self.size = recognition, language, size
        self.vocabulary = vocabulary
        self.seeds = keras.random.SeedGenerator(0)

    @property
    def num_tokens(self) -> int:
        """Number of token ids of the vocabulary."""
        return self.language.vocabulary_size

    @property
    def tokens(self) -> tuple[str, ...]:
        """Words by token id; the ids as text where the vocabulary is unknown."""
        numbers = range(len(SPECIAL), self.language.vocabulary_size)
        return (*SPECIAL, *(self.vocabulary or map(str, numbers)))

    @property
    def max_words(self) -> int:
        """Maximum number of words of a caption."""
        return self.settings.max_words

    def recognize(self, features, boxes, training: bool):
        """Returns codes (B, R, K), objectness (B, R) and deltas (B, R, 4) of boxes (B, R, 4)."""
        maps = region_maps(features, boxes, self.size, STRIDE)
        codes, objectness, deltas = self.recognition(maps, training=training)
        count = boxes.shape[1]
        return (
            ops.reshape(codes, (-1, count, codes.shape[-1])),
            ops.reshape(objectness, (-1, count)),
            ops.reshape(deltas, (-1, count, 4)),
        )

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = mark_valid(targets)
        features = outputs[f"p{LEVEL}"]
        height, width = ops.shape(images)[1:3]
        (anchors,) = self.proposals.anchors({LEVEL: features})
        predicted = decode(outputs["rpn_deltas"], anchors)
        seed = self.seeds.next() if training else 0
        sample = self.sampling(predicted, truth, height, width, seed)
        positive, index = sample["positive"], sample["index"]
        negative = ops.logical_and(sample["sampled"], ops.logical_not(positive))
        matched = ops.take_along_axis(truth["boxes"], sample["matched"][..., None], axis=1)
        score = ops.take_along_axis(outputs["objectness"], index, axis=1)
        errors = sigmoid_cross_entropy(score, positive)
        chosen = ops.take_along_axis(outputs["rpn_deltas"], index[..., None], axis=1)
        parts = {
            "rpn_box": _box_loss(chosen, ops.take(anchors, index, axis=0), matched, positive),
            "rpn_objectness": mean_where(errors, positive) + mean_where(errors, negative),
        }
        boxes = ops.take_along_axis(predicted, index[..., None], axis=1)
        codes, score, deltas = self.recognize(features, boxes, training)
        first = self.sampling.positives
        rows = sample["matched"][:, :first, None]
        captions = ops.take_along_axis(ops.cast(targets["captions"], "int32"), rows, axis=1)
        return {
            **parts,
            "box": _box_loss(deltas, boxes, matched, positive),
            "objectness": mean_where(sigmoid_cross_entropy(score, positive), sample["sampled"]),
            "caption": self.language.loss(
                ops.reshape(codes[:, :first], (-1, codes.shape[-1])),
                ops.reshape(captions, (-1, captions.shape[-1])),
                ops.reshape(positive[:, :first], (-1,)),
            ),
        }

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        features = outputs[f"p{LEVEL}"]
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.proposals.propose(
            outputs, {LEVEL: features}, height, width, training=False
        )
        codes, objectness, deltas = self.recognize(features, boxes, training=False)
        refined = clip(decode(deltas, boxes), height, width)
        valid = ops.logical_and(valid, ops.all(refined[..., 2:] > refined[..., :2], axis=-1))
        scores = ops.where(valid, ops.sigmoid(objectness), -math.inf)
        settings = self.settings
        index, valid = nms(
            refined, scores, settings.max_detections, settings.nms_iou, settings.score_threshold
        )
        refined = ops.where(valid[..., None], take_rows(refined, index), 0.0)
        captions = self.generate_captions(take_rows(codes, index))
        return {
            "boxes": transform.restore_boxes(refined),
            "labels": ops.where(valid, 0, -1),
            "scores": ops.where(valid, take_rows(scores, index), 0.0),
            "num_detections": ops.sum(ops.cast(valid, "int32"), axis=1),
            "captions": ops.where(valid[..., None], captions, 0),
        }

    def generate_captions(self, codes):
        """Returns token ids (B, R, T) of codes (B, R, K), see `zoo.tasks.captioning_task`."""
        flat = ops.reshape(codes, (-1, codes.shape[-1]))
        words, width = self.settings.max_words, self.settings.beam_width
        captions = (
            self.language.greedy(flat, words)
            if width == 1
            else beam_search(self.language, flat, words, width)
        )
        return ops.reshape(captions, (-1, codes.shape[1], words))

    def second_stage_macs(self) -> int:
        """Returns the multiply-accumulates of recognition network and captions per image."""
        settings, code = self.settings, self.recognition.output_shape[0][-1]
        regions = self.proposals.after_nms[1] * (count_flops(self.recognition) // 2)
        words = settings.max_words * settings.beam_width
        return regions + settings.max_detections * self.language.macs(code, words)


def _box_loss(deltas, starts, matched, positive):
    """Mean smooth L1 loss of the positive boxes' deltas, with gradients to the start boxes."""
    targets = encode(matched, starts)
    moderate = ops.all(ops.abs(targets) <= _LARGEST_TARGET, axis=-1)
    distance = ops.mean(smooth_l1(deltas - targets), axis=-1)
    return mean_where(distance, ops.logical_and(positive, moderate))
