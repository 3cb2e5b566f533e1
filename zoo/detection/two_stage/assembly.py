"""Assembly of the R-CNN line of detectors from a published form, a `Variant`.

A builder calls, in the order of its paper: `backbone_maps`, `region_proposal_network` and
`box_branch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.backbones import build_backbone, find_backbone
from zoo.boxes.anchors import AnchorGenerator
from zoo.detection.postprocessing import Selection
from zoo.detection.two_stage.box_branch import BoxBranch
from zoo.detection.two_stage.box_heads import dense_head, trunk_head
from zoo.detection.two_stage.roi_pooling import RoiPooler
from zoo.detection.two_stage.rpn import RegionProposals, rpn_head
from zoo.detection.two_stage.variants import Variant
from zoo.errors import InputError
from zoo.layers.fpn import feature_pyramid
from zoo.layers.padding import PadToMultiple


def backbone_maps(
    input_shape: tuple[int | None, int | None, int],
    backbone: str,
    variant: Variant,
    *,
    norm: str | None,
    width: float,
    options: Mapping[str, Any] | None,
) -> tuple[Any, dict[int, Any]]:
    """Builds the backbone, and the feature pyramid where the variant has one.

    Returns the images' input, and feature maps by level: one more than `variant.levels` in a
    pyramid.
    """
    available = find_backbone(backbone).levels
    missing = [level for level in variant.levels if level not in available]
    if missing:
        raise InputError(f"backbone {backbone} has no feature map of stride {2 ** missing[0]}.")
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(2 ** variant.levels[-1], mode="zero", name="pad")(images)
    maps = build_backbone(backbone, x, norm=norm, width=width, **(options or {}))
    maps = {level: maps[level] for level in variant.levels}
    return images, feature_pyramid(maps, variant.filters, name="fpn") if variant.pyramid else maps


def region_proposal_network(
    maps: Mapping[int, Any], variant: Variant, anchor_ratios: Sequence[float]
) -> tuple[dict[str, Any], RegionProposals]:
    """Returns the graph's outputs, feature maps included, and the settings of the proposals."""
    generator = _anchor_generator(sorted(maps), variant, anchor_ratios)
    outputs = {
        **rpn_head(maps, generator.per_cell(min(maps)), variant.filters, pair=variant.pair),
        **{f"p{level}": each for level, each in maps.items()},
    }
    return outputs, RegionProposals(
        generator,
        before_nms=variant.before_nms,
        after_nms=(variant.proposals[0], variant.proposals[1]),
        min_size=variant.min_size,
        inside_only=variant.inside_only,
    )


def box_branch(
    maps: Mapping[int, Any],
    num_classes: int,
    variant: Variant,
    *,
    score_threshold: float,
    max_detections: int,
    trunk: keras.Model | None = None,
    svd_ranks: Sequence[int] | None = None,
) -> BoxBranch:
    """Builds the branch for classes and boxes; its head is `trunk` (C4) or two dense layers."""
    if trunk is not None:
        head = trunk_head(trunk, num_classes)
    else:
        head = dense_head(
            maps[variant.levels[0]].shape[-1],
            num_classes,
            hidden_units=variant.hidden_units,
            dropout=variant.dropout,
            ranks=svd_ranks,
        )
    selection = Selection(score_threshold, variant.nms_iou, max_detections)
    return BoxBranch(RoiPooler(7, variant.pooling), head, selection, beta=variant.beta)


def _anchor_generator(
    levels: Sequence[int], variant: Variant, ratios: Sequence[float]
) -> AnchorGenerator:
    """One anchor size per level of a pyramid, or all of them on one map."""
    sizes = variant.anchor_sizes
    if not sizes or min(sizes) <= 0 or not ratios or min(ratios) <= 0:
        raise InputError(
            f"anchor_sizes and anchor_ratios must be numbers above 0, not {sizes!r} and {ratios!r}."
        )
    if variant.pyramid and len(sizes) != len(levels):
        raise InputError(
            f"anchor_sizes must have {len(levels)} values, one per level of the pyramid, not "
            f"{len(sizes)}."
        )
    by_level = (
        {level: (size,) for level, size in zip(levels, sizes, strict=True)}
        if variant.pyramid
        else {levels[0]: sizes}
    )
    return AnchorGenerator(by_level, tuple(ratios), convention=variant.anchor_convention)
