"""The dense captioner: regions, how good they are, and what is to be said of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo.boxes.coder import decode, encode
from zoo.boxes.formats import clip
from zoo.boxes.numerics import take_rows
from zoo.captioning.beam_search import beam_search
from zoo.captioning.language_model import LanguageModel
from zoo.captioning.region_selection import CaptionSampling, region_maps
from zoo.detection.detector import Detector
from zoo.detection.ground_truth import truth_of
from zoo.detection.two_stage.rpn import RegionProposals
from zoo.flops import count_flops
from zoo.layers.nms import nms
from zoo.losses.detection_losses import mean_where, sigmoid_cross_entropy, smooth_l1
from zoo.tasks.captioning_task import SPECIAL

LOSSES = ("first_box", "first_objectness", "box", "objectness", "caption")
LEVEL, STRIDE = 4, 16
# Differences beyond this are of regions that have gone astray, as in the authors' code.
_ASTRAY = 10.0


@dataclasses.dataclass(frozen=True)
class CaptionSettings:
    """How regions are chosen and said.

    Attributes:
        words: the most words of a sentence.
        beam: beginnings that the search follows; 1 takes the likeliest word at every step.
        nms_iou, score_threshold, detections: of the answers.
    """

    words: int = 15
    beam: int = 1
    nms_iou: float = 0.3
    score_threshold: float = 0.05
    detections: int = 100


@keras.saving.register_keras_serializable(package="zoo")
class DenseCaptioner(Detector):
    """Features and region proposal network as the functional graph, the rest behind it.

    Training crops the sampled boxes, with a gradient to the boxes; answers crop the proposals.

    Args:
        inputs, outputs, loss_weights, name: of the graph; outputs are `objectness`, `rpn_deltas`
            and the map `p4`.
        proposals: what the first stage's scores become in answers.
        sampling: of boxes to learn from.
        recognition: as `zoo.captioning.region_selection.recognition_network` gives.
        language: says sentences.
        saying: see `CaptionSettings`.
        size: points a side of a region's map.
        vocabulary: the words, where they are known.
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
        saying: CaptionSettings,
        size: int,
        vocabulary: tuple[str, ...] = (),
        loss_weights: Mapping[str, float] | None = None,
        name: str | None = None,
    ):
        super().__init__(
            inputs,
            outputs,
            losses=LOSSES,
            loss_weights=loss_weights,
            task="captioning",
            name=name,
        )
        self.proposals, self.sampling, self.saying = proposals, sampling, saying
        self.recognition, self.language, self.size = recognition, language, size
        self.vocabulary = vocabulary
        self.seeds = keras.random.SeedGenerator(0)

    @property
    def tokens(self) -> tuple[str, ...]:
        """What each token id stands for; its number where the words are not known."""
        numbers = range(len(SPECIAL), self.language.vocabulary_size)
        return (*SPECIAL, *(self.vocabulary or map(str, numbers)))

    @property
    def max_words(self) -> int:
        """The most words of a sentence."""
        return self.saying.words

    def recognize(self, features, boxes, training: bool):
        """Codes (B, R, K), objectness (B, R) and deltas (B, R, 4) of boxes (B, R, 4)."""
        maps = region_maps(features, boxes, self.size, STRIDE)
        codes, objectness, deltas = self.recognition(maps, training=training)
        count = boxes.shape[1]
        return (
            ops.reshape(codes, (-1, count, codes.shape[-1])),
            ops.reshape(objectness, (-1, count)),
            ops.reshape(deltas, (-1, count, 4)),
        )

    def compute_losses(self, images, targets, outputs, training) -> dict[str, Any]:
        truth = truth_of(targets)
        features = outputs[f"p{LEVEL}"]
        height, width = ops.shape(images)[1:3]
        (anchors,) = self.proposals.anchors({LEVEL: features})
        predicted = decode(outputs["rpn_deltas"], anchors)
        seed = self.seeds.next() if training else 0
        sample = self.sampling(predicted, truth, height, width, seed)
        positive, index = sample["positive"], sample["index"]
        negative = ops.logical_and(sample["sampled"], ops.logical_not(positive))
        wanted = ops.take_along_axis(truth["boxes"], sample["truth"][..., None], axis=1)
        score = ops.take_along_axis(outputs["objectness"], index, axis=1)
        errors = sigmoid_cross_entropy(score, positive)
        chosen = ops.take_along_axis(outputs["rpn_deltas"], index[..., None], axis=1)
        parts = {
            "first_box": _box_loss(chosen, ops.take(anchors, index, axis=0), wanted, positive),
            "first_objectness": mean_where(errors, positive) + mean_where(errors, negative),
        }
        boxes = ops.take_along_axis(predicted, index[..., None], axis=1)
        codes, score, deltas = self.recognize(features, boxes, training)
        first = self.sampling.positives
        row = sample["truth"][:, :first, None]
        captions = ops.take_along_axis(ops.cast(targets["captions"], "int32"), row, axis=1)
        return {
            **parts,
            "box": _box_loss(deltas, boxes, wanted, positive),
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
        found = clip(decode(deltas, boxes), height, width)
        left = ops.logical_and(valid, ops.all(found[..., 2:] > found[..., :2], axis=-1))
        scores = ops.where(left, ops.sigmoid(objectness), -math.inf)
        saying = self.saying
        kept, there = nms(found, scores, saying.detections, saying.nms_iou, saying.score_threshold)
        found = ops.where(there[..., None], take_rows(found, kept), 0.0)
        return {
            "boxes": transform.restore_boxes(found),
            "labels": ops.where(there, 0, -1),
            "scores": ops.where(there, take_rows(scores, kept), 0.0),
            "num_detections": ops.sum(ops.cast(there, "int32"), axis=1),
            "captions": ops.where(
                there[..., None], self.generate_captions(take_rows(codes, kept)), 0
            ),
        }

    def generate_captions(self, codes):
        """Token ids (B, R, T) about codes (B, R, K), see `zoo.tasks.captioning_task`."""
        flat = ops.reshape(codes, (-1, codes.shape[-1]))
        words, beam = self.saying.words, self.saying.beam
        said = (
            self.language.greedy(flat, words)
            if beam == 1
            else beam_search(self.language, flat, words, beam)
        )
        return ops.reshape(said, (-1, codes.shape[1], words))

    def second_stage_macs(self) -> int:
        """Multiply-accumulates behind the graph of one image: its regions and its sentences."""
        saying, code = self.saying, self.recognition.output_shape[0][-1]
        regions = self.proposals.after_nms[1] * (count_flops(self.recognition) // 2)
        return regions + saying.detections * self.language.macs(code, saying.words * saying.beam)


def _box_loss(deltas, starts, wanted, positive):
    """Mean smooth L1 over the coordinates of the positive boxes, with a gradient to the starts."""
    targets = encode(wanted, starts)
    sane = ops.all(ops.abs(targets) <= _ASTRAY, axis=-1)
    distance = ops.mean(smooth_l1(deltas - targets), axis=-1)
    return mean_where(distance, ops.logical_and(positive, sane))
