"""What the region-based detectors share: an image's maps, and the parts that look at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.backbones import build_backbone, find_backbone
from zoo.boxes.anchors import AnchorGenerator
from zoo.detection.two_stage.box_heads import dense_head
from zoo.detection.two_stage.roi_heads import BoxBranch, Pooler, RegionSampling
from zoo.detection.two_stage.rpn import RegionProposals, rpn_head
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.errors import InputError
from zoo.layers.fpn import feature_pyramid
from zoo.layers.padding import PadToMultiple

RATIOS = (0.5, 1.0, 2.0)
PYRAMID_LEVELS = (2, 3, 4, 5)


@dataclasses.dataclass(frozen=True)
class Variant:
    """The numbers of a published form.

    Attributes:
        filters: of the proposal network, and of the pyramid where there is one.
        units, dropout: of the dense layers.
        anchors: the convention by which a cell's anchors are made, see `AnchorGenerator`.
        anchor_sizes: in pixels.
        before_nms, proposals: in training and in answers.
        min_size: of a proposal in pixels.
        inside_only: whether anchors across the border are left out of training.
        pair: two scores an anchor.
        regions, background_iou: of `RegionSampling`.
        beta: of the box loss.
        nms_iou: of the final suppression.
    """

    filters: int
    units: int
    dropout: float
    anchors: str
    anchor_sizes: tuple[float, ...]
    before_nms: tuple[int, int]
    proposals: tuple[int, int]
    min_size: float
    inside_only: bool
    pair: bool
    regions: int
    background_iou: float
    beta: float
    nms_iou: float

    def changed(self, **values: Any) -> Variant:
        """With the values that are not None, 0 or empty."""
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, (list, tuple)) else value
            for key, value in values.items()
            if value or (value == 0.0 and key == "dropout")
        }
        return dataclasses.replace(self, **given)


SINGLE = Variant(
    filters=512,
    units=4096,
    dropout=0.5,
    anchors="base16",
    anchor_sizes=(128, 256, 512),
    before_nms=(12000, 6000),
    proposals=(2000, 300),
    min_size=16.0,
    inside_only=True,
    pair=True,
    regions=128,
    background_iou=0.1,
    beta=1.0,
    nms_iou=0.3,
)
"""One map of VGG16, as in the Faster R-CNN paper."""

PYRAMID = Variant(
    filters=256,
    units=1024,
    dropout=0.0,
    anchors="rounded",
    anchor_sizes=(32, 64, 128, 256, 512),
    before_nms=(2000, 1000),
    proposals=(2000, 1000),
    min_size=0.0,
    inside_only=False,
    pair=False,
    regions=512,
    background_iou=0.0,
    beta=1 / 9,
    nms_iou=0.5,
)
"""ResNet and a feature pyramid, as the public models are."""

C4 = dataclasses.replace(
    PYRAMID, filters=1024, before_nms=(12000, 6000), proposals=(2000, 300), regions=64
)
"""One map of ResNet, its last stage as the head."""


def backbone_maps(
    input_shape: tuple[int | None, int | None, int],
    backbone: str,
    *,
    pyramid: bool,
    norm: str | None,
    width: float,
    filters: int,
    options: Mapping[str, Any] | None,
) -> tuple[Any, dict[int, Any]]:
    """Images and the maps that regions are proposed on.

    With a pyramid levels 2 to 6, of which 2 to 5 are for regions; without, level 4 alone.
    """
    levels = PYRAMID_LEVELS if pyramid else (4,)
    missing = [level for level in levels if level not in find_backbone(backbone).levels]
    if missing:
        raise InputError(f"backbone {backbone} has no map at level {missing[0]}.")
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(32 if pyramid else 16, mode="zero", name="pad")(images)
    maps = build_backbone(backbone, x, norm=norm, width=width, **(options or {}))
    maps = {level: maps[level] for level in levels}
    return images, feature_pyramid(maps, filters, name="fpn") if pyramid else maps


def proposal_network(
    maps: Mapping[int, Any], variant: Variant, ratios: Sequence[float]
) -> tuple[dict[str, Any], RegionProposals]:
    """The graph's outputs, maps included, and what becomes of them."""
    sizes = variant.anchor_sizes
    if min(sizes) <= 0 or not ratios or min(ratios) <= 0:
        raise InputError("anchor_sizes and anchor_ratios are numbers above 0.")
    if len(maps) > 1 and len(sizes) != len(maps):
        raise InputError(
            f"anchor_sizes: a pyramid takes {len(maps)}, one a level, not {len(sizes)}."
        )
    levels = sorted(maps)
    by_level = {level: (size,) for level, size in zip(levels, sizes, strict=False)}
    generator = AnchorGenerator(
        by_level if len(maps) > 1 else {levels[0]: sizes}, tuple(ratios), convention=variant.anchors
    )
    per_cell = len(ratios) * (1 if len(maps) > 1 else len(sizes))
    outputs = {
        **rpn_head(maps, per_cell, variant.filters, pair=variant.pair),
        **{f"p{level}": each for level, each in maps.items()},
    }
    return outputs, RegionProposals(
        generator,
        before_nms=variant.before_nms,
        after_nms=(variant.proposals[0], variant.proposals[1]),
        min_size=variant.min_size,
        inside_only=variant.inside_only,
    )


def pyramid_detector(
    name: str,
    num_classes: int,
    images: Any,
    maps: Mapping[int, Any],
    variant: Variant,
    ratios: Sequence[float],
    *,
    score_threshold: float,
    detections: int,
    **more: Any,
) -> TwoStageDetector:
    """A detector of the public ResNet-FPN form; `more` is of `TwoStageDetector`."""
    outputs, proposals = proposal_network(maps, variant, ratios)
    head = dense_head(
        maps[PYRAMID_LEVELS[0]].shape[-1], num_classes, units=variant.units, dropout=variant.dropout
    )
    return TwoStageDetector(
        images,
        outputs,
        proposals=proposals,
        sampling=RegionSampling(variant.regions, background_iou=variant.background_iou),
        box=BoxBranch(
            Pooler(7),
            head,
            beta=variant.beta,
            score_threshold=score_threshold,
            nms_iou=variant.nms_iou,
            detections=detections,
        ),
        region_levels=PYRAMID_LEVELS,
        name=name,
        **more,
    )
