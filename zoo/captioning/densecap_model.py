"""DenseCap: localized regions with captions (Johnson, Karpathy & Fei-Fei, CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.argument_checks import check_minimum
from zoo.backbones import build_backbone, find_backbone
from zoo.boxes.anchors import AnchorGenerator
from zoo.captioning.captioner import LEVEL, STRIDE, CaptionSettings, DenseCaptioner
from zoo.captioning.language_model import LanguageModel
from zoo.captioning.region_selection import CaptionSampling, recognition_network
from zoo.cards import Paper, PublishedResult
from zoo.detection.two_stage.freezing import freeze_convolutions
from zoo.detection.two_stage.rpn import RegionProposals, rpn_head
from zoo.errors import InputError
from zoo.layers.normalization_policy import default_norm, normalizes
from zoo.layers.padding import PadToMultiple
from zoo.registry import register
from zoo.tasks.captioning_task import SPECIAL

ANCHOR_SHAPES = (
    *((45, 90), (90, 45), (64, 64), (90, 180), (180, 90), (128, 128)),
    *((181, 362), (362, 181), (256, 256), (362, 724), (724, 362), (512, 512)),
)
"""Widths and heights of the anchors in pixels."""
PUBLISHED_SIZE = 10_500
# The projected codes start as large as the embeddings; codes are large without normalization.
AUTHORS_GAIN, NORMALIZED_GAIN = 1 / 3, 8.0


@register(
    "densecap",
    task="captioning",
    summary="a region proposal network, bilinear region features and an LSTM for captions",
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
        "hidden_units": 32,
        "dropout": 0.0,
        "language_units": 24,
        "embedding_dim": 16,
        "anchor_shapes": ((12, 12), (24, 24), (16, 32), (32, 16)),
        "rois_per_image": 16,
        "max_proposals": 16,
        "max_detections": 6,
        "max_words": 5,
        "score_threshold": 0.0,
        "frozen": 0,
        "backbone_options": {"blocks": (1, 1, 1, 1, 1), "use_bias": False},
    },
    published_results=(
        PublishedResult("mean AP", "5.39 %", "Visual Genome test, 300 proposals", "paper"),
        PublishedResult("mean AP", "27.03 %", "Visual Genome test, ground-truth boxes", "paper"),
        PublishedResult("mean AP", "5.70 %", "released model, 1000 proposals", "authors' code"),
    ),
    notes=(
        "Parameters are counted for a vocabulary of 10,497 words, unknown word included; with "
        "padding, start and end it has 10,500 tokens. Training from random weights needs frozen=0 "
        "and norm='batch'."
    ),
)
def densecap(
    *,
    vocabulary: Sequence[str] | None = None,
    vocabulary_size: int | None = None,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = None,
    width: float = 1.0,
    filters: int = 256,
    hidden_units: int = 4096,
    dropout: float = 0.5,
    language_units: int = 512,
    embedding_dim: int = 512,
    anchor_shapes: Sequence[Sequence[float]] = ANCHOR_SHAPES,
    pool_size: int = 7,
    rois_per_image: int = 256,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
    max_proposals: int = 300,
    max_detections: int = 100,
    max_words: int = 15,
    beam_width: int = 1,
    nms_iou: float = 0.3,
    score_threshold: float = 0.05,
    frozen: int = 4,
    rpn_box_weight: float = 0.05,
    rpn_objectness_weight: float = 0.1,
    box_weight: float = 0.1,
    objectness_weight: float = 0.1,
    caption_weight: float = 1.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "densecap",
) -> DenseCaptioner:
    """Builds DenseCap with the loss weights of the authors' code.

    Args:
        vocabulary: words with the token ids from 4 on, see `zoo.tasks.captioning_task`; None where
            they are unknown.
        vocabulary_size: number of token ids, the four special ones included (10,500); needed only
            without `vocabulary`.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`, whose feature map of stride 16 is used.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for VGG16 (paper), and `"batch"` for other backbones.
        width: width multiplier of the backbone.
        filters: filters of the region proposal network.
        hidden_units: units of each of the recognition network's two dense layers.
        dropout: dropout rate after each dense layer, in [0, 1).
        language_units: units of the LSTM.
        embedding_dim: size of a word's embedding.
        anchor_shapes: (width, height) of the anchors in pixels of the model input.
        pool_size: sampling points per side of a region's map.
        rois_per_image: boxes sampled per image in training, at most half of them positive.
        positive_iou: IoU with a ground-truth box from which a sampled box is positive, in [0, 1].
        negative_iou: IoU with all ground-truth boxes below which a sampled box is negative, in
            [0, 1].
        max_proposals: proposals kept per image in prediction.
        max_detections: maximum number of regions per image.
        max_words: maximum number of words of a caption.
        beam_width: partial captions followed by the beam search; 1 is greedy.
        nms_iou: IoU threshold of the final non-maximum suppression, in [0, 1].
        score_threshold: minimum score of a region, in [0, 1].
        frozen: number of leading convolutions of the backbone that are not trained.
        rpn_box_weight: factor of the region proposal network's box loss.
        rpn_objectness_weight: factor of the region proposal network's objectness loss.
        box_weight: factor of the recognition network's box loss.
        objectness_weight: factor of the recognition network's objectness loss.
        caption_weight: factor of the caption loss.
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `objectness` (B, A), `rpn_deltas` (B, A, 4)
        and the feature map `p4`; its predictions are those of `zoo.tasks.captioning_task`.

    Raises:
        InputError: if the vocabulary is empty, or an argument is out of its range.
    """
    check_minimum(
        1, filters=filters, hidden_units=hidden_units, pool_size=pool_size,
        rois_per_image=rois_per_image, max_proposals=max_proposals, max_detections=max_detections,
        max_words=max_words, beam_width=beam_width,
    )  # fmt: skip
    if not 0 < negative_iou <= positive_iou <= 1:
        raise InputError(
            "IoUs must satisfy 0 < negative_iou <= positive_iou <= 1, not "
            f"{negative_iou} and {positive_iou}."
        )
    if LEVEL not in find_backbone(backbone).levels:
        raise InputError(f"backbone {backbone} has no feature map of stride {STRIDE}.")
    norm = default_norm(norm, backbone)
    words = tuple(vocabulary or ())
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(STRIDE, mode="zero", name="pad")(images)
    options = backbone_options or {}
    features = build_backbone(backbone, x, norm=norm, width=width, **options)[LEVEL]
    generator = AnchorGenerator(shapes={LEVEL: [(wide, high) for wide, high in anchor_shapes]})
    outputs = {
        **rpn_head({LEVEL: features}, generator.per_cell(LEVEL), filters, pair=True),
        f"p{LEVEL}": features,
    }
    recognition = recognition_network(
        features.shape[-1], size=pool_size, hidden_units=hidden_units, dropout=dropout, norm=norm
    )
    gain = NORMALIZED_GAIN if normalizes(norm) else AUTHORS_GAIN
    size = _vocabulary_size(words, vocabulary_size)
    language = LanguageModel(size, language_units, embedding_dim, gain, name="language")
    language.build((None, hidden_units))
    model = DenseCaptioner(
        images,
        outputs,
        proposals=RegionProposals(
            generator, before_nms=(6000, 6000), after_nms=(max_proposals, max_proposals)
        ),
        sampling=CaptionSampling(
            rois_per_image, positive_iou=positive_iou, negative_iou=negative_iou
        ),
        recognition=recognition,
        language=language,
        settings=CaptionSettings(max_words, beam_width, nms_iou, score_threshold, max_detections),
        size=pool_size,
        vocabulary=words,
        loss_weights={
            "rpn_box": rpn_box_weight,
            "rpn_objectness": rpn_objectness_weight,
            "box": box_weight,
            "objectness": objectness_weight,
            "caption": caption_weight,
        },
        name=name,
    )
    freeze_convolutions(model, frozen)
    return model


def _vocabulary_size(words: tuple[str, ...], size: int | None) -> int:
    """Number of token ids."""
    if not words:
        return PUBLISHED_SIZE if size is None else size
    if size not in (None, len(SPECIAL) + len(words)):
        raise InputError(
            f"vocabulary_size must be {len(SPECIAL) + len(words)} for {len(words)} words, "
            f"not {size}; leave it out."
        )
    return len(SPECIAL) + len(words)
