"""DenseCap: finds what can be talked about, and talks about it (Johnson et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone, find_backbone
from zoo.boxes.anchors import AnchorGenerator
from zoo.captioning.captioner import LEVEL, CaptionSettings, DenseCaptioner
from zoo.captioning.language_model import LanguageModel
from zoo.captioning.region_selection import CaptionSampling, recognition_network
from zoo.cards import Paper, PublishedResult
from zoo.detection.two_stage.rpn import RegionProposals, rpn_head
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalizes
from zoo.layers.padding import PadToMultiple
from zoo.registry import register
from zoo.tasks.captioning_task import SPECIAL

ANCHORS = (
    *((45, 90), (90, 45), (64, 64), (90, 180), (180, 90), (128, 128)),
    *((181, 362), (362, 181), (256, 256), (362, 724), (724, 362), (512, 512)),
)
"""Widths and heights in pixels."""
PUBLISHED_SIZE = 10_500
# Words and codes begin equally large, and neither drowns the other: fc7's codes are large, those
# behind a normalisation are not.
AUTHORS_GAIN, NORMALISED_GAIN = 1 / 3, 8.0


@register(
    "densecap",
    task="captioning",
    summary="a region proposal network, crops that pass gradients to boxes, an LSTM that tells",
    paper=Paper(
        "J. Johnson, A. Karpathy, L. Fei-Fei",
        "DenseCap: Fully Convolutional Localization Networks for Dense Captioning",
        "CVPR",
        2016,
    ),
    published={"vocabulary_size": PUBLISHED_SIZE},
    expected_parameters=150_437_263,
    flops_size=(540, 720),
    tiny={
        "vocabulary_size": 12,
        "norm": "group",
        "width": 0.125,
        "filters": 16,
        "units": 32,
        "dropout": 0.0,
        "language_units": 24,
        "embedding": 16,
        "anchors": ((12, 12), (24, 24), (16, 32), (32, 16)),
        "regions": 16,
        "proposals": 16,
        "detections": 6,
        "max_words": 5,
        "score_threshold": 0.0,
        "frozen": 0,
        "backbone_options": {"blocks": (1, 1, 1, 1, 1), "use_bias": False},
    },
    published_results=(
        PublishedResult("mean AP", "5.39 %", "Visual Genome test, 300 proposals", "paper"),
        PublishedResult("mean AP", "27.03 %", "Visual Genome test, true boxes given", "paper"),
        PublishedResult("mean AP", "5.70 %", "released model, 1000 proposals", "authors' code"),
    ),
    notes=(
        "The parameters are those of a 10,497-word vocabulary, the unknown word among them; with "
        "padding, start and end it has 10,500 tokens. Learned from random weights it needs "
        "frozen=0 and norm='batch'."
    ),
)
def densecap(
    *,
    vocabulary: Sequence[str] = (),
    vocabulary_size: int = 0,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = "none",
    width: float = 1.0,
    filters: int = 256,
    units: int = 4096,
    dropout: float = 0.5,
    language_units: int = 512,
    embedding: int = 512,
    anchors: Sequence[Sequence[float]] = ANCHORS,
    cells: int = 7,
    regions: int = 256,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
    proposals: int = 300,
    detections: int = 100,
    max_words: int = 15,
    beam: int = 1,
    nms_iou: float = 0.3,
    score_threshold: float = 0.05,
    frozen: int = 4,
    first_box_weight: float = 0.05,
    first_objectness_weight: float = 0.1,
    box_weight: float = 0.1,
    objectness_weight: float = 0.1,
    caption_weight: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "densecap",
) -> DenseCaptioner:
    """DenseCap, with the weights of the losses that the authors' code has.

    Args:
        vocabulary: the words, which get the token ids from 4 on, see `zoo.tasks.captioning_task`.
        vocabulary_size: tokens, the four special ones included, where the words are not known
            (10,500).
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones`; regions are cut from its map of stride 16.
        norm: of the backbone and the recognition network: `"batch"`, `"frozen"`, `"group"`,
            `"sync"` or `"none"`.
        width: factor on the backbone's channels.
        filters: of the proposal network's convolution.
        units: of the recognition network's two dense layers.
        dropout: behind each of them.
        language_units, embedding: of the LSTM, and numbers a word.
        anchors: (width, height) in pixels of the canvas.
        cells: points a side of a region's map.
        regions: sampled an image in training, at most half of them positive.
        positive_iou, negative_iou: overlap with a truth above which a sampled region shows it, and
            below which it shows none.
        proposals: regions that answers look at.
        detections: most regions of an answer.
        max_words: most words of a sentence.
        beam: beginnings that the search for a sentence follows; 1 is greedy.
        nms_iou, score_threshold: of the answers.
        frozen: first convolutions of the backbone that are not trained.
        first_box_weight, first_objectness_weight, box_weight, objectness_weight, caption_weight:
            of the five losses.
        backbone_options: what else the backbone takes, such as `{"weights": "imagenet"}`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `objectness` (B, A), `rpn_deltas` (B, A, 4) and the map `p4`;
        its answers are `boxes`, `labels`, `scores`, `num_detections` and `captions`, see
        `zoo.tasks.captioning_task`.

    Raises:
        InputError: no words, or numbers out of range.
    """
    positive = {"filters": filters, "units": units, "regions": regions, "cells": cells}
    positive |= {"proposals": proposals, "detections": detections, "max_words": max_words}
    for argument, value in {**positive, "beam": beam}.items():
        if value < 1:
            raise InputError(f"{name}: {argument} is at least 1, not {value}.")
    if not 0 < negative_iou <= positive_iou <= 1:
        raise InputError(f"{name}: 0 < negative_iou <= positive_iou <= 1 must hold.")
    if LEVEL not in find_backbone(backbone).levels:
        raise InputError(f"{name}: backbone {backbone} has no map of stride 16.")
    size = _vocabulary_size(name, tuple(vocabulary), vocabulary_size)
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(16, mode="zero", name="pad")(images)
    options = backbone_options or {}
    features = build_backbone(backbone, x, norm=norm, width=width, **options)[LEVEL]
    generator = AnchorGenerator(shapes={LEVEL: [(wide, high) for wide, high in anchors]})
    outputs = {
        **rpn_head({LEVEL: features}, generator.per_cell(LEVEL), filters, pair=True),
        f"p{LEVEL}": features,
    }
    recognition = recognition_network(
        features.shape[-1], size=cells, units=units, dropout=dropout, norm=norm
    )
    gain = NORMALISED_GAIN if normalizes(norm) else AUTHORS_GAIN
    language = LanguageModel(size, language_units, embedding, gain, name="language")
    language.build((None, units))
    model = DenseCaptioner(
        images,
        outputs,
        proposals=RegionProposals(
            generator, before_nms=(6000, 6000), after_nms=(proposals, proposals)
        ),
        sampling=CaptionSampling(regions, positive_iou=positive_iou, negative_iou=negative_iou),
        recognition=recognition,
        language=language,
        saying=CaptionSettings(max_words, beam, nms_iou, score_threshold, detections),
        size=cells,
        vocabulary=tuple(vocabulary),
        loss_weights={
            "first_box": first_box_weight,
            "first_objectness": first_objectness_weight,
            "box": box_weight,
            "objectness": objectness_weight,
            "caption": caption_weight,
        },
        name=name,
    )
    _freeze(model, frozen)
    return model


def _vocabulary_size(name: str, words: tuple[str, ...], size: int) -> int:
    """Token ids there are."""
    if not words:
        return size or PUBLISHED_SIZE
    if size not in (0, len(SPECIAL) + len(words)):
        raise InputError(
            f"{name}: {len(words)} words make a vocabulary_size of {len(SPECIAL) + len(words)}, "
            f"not {size}; give one of the two."
        )
    return len(SPECIAL) + len(words)


def _freeze(model: keras.Model, count: int) -> None:
    """Leaves the first convolutions, and the normalisation between them, out of training."""
    convolutions = 0
    for layer in model.layers:
        convolutions += isinstance(layer, layers.Conv2D)
        if convolutions > count:
            return
        layer.trainable = False
