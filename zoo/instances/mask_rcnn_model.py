"""Mask R-CNN: Faster R-CNN with a mask for each region (He et al., ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.backbones.resnet import last_stage
from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.two_stage.assembly import (
    C4,
    PYRAMID,
    RATIOS,
    Variant,
    backbone_maps,
    proposal_network,
    pyramid_detector,
)
from zoo.detection.two_stage.box_heads import mask_head, pooled_head, pooled_mask_head
from zoo.detection.two_stage.roi_heads import BoxBranch, Pooler, RegionSampling
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.errors import InputError
from zoo.instances.mask_branch import MaskBranch
from zoo.registry import register

PAPER = Paper("K. He, G. Gkioxari, P. Dollár, R. Girshick", "Mask R-CNN", "ICCV", 2017)


@register(
    "mask_rcnn",
    task="instances",
    summary="Faster R-CNN, and a small fully convolutional mask for each region and class",
    paper=PAPER,
    published={
        "num_classes": 90,
        "norm": "frozen",
        "backbone_options": {"stride_on": "3x3", "epsilon": 1e-5},
    },
    expected_parameters=44_401_393,
    flops_size=(800, 1216),
    tiny={
        "num_classes": 3,
        "width": 0.125,
        "filters": 16,
        "units": 32,
        "mask_filters": 8,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "regions": 16,
        "proposals": (64, 32),
        "detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("mask AP", "33.6 %", "COCO minival, ResNet-50-FPN", "paper"),
        PublishedResult("mask AP", "35.7 %", "COCO test-dev, ResNet-101-FPN", "paper"),
        PublishedResult("box AP", "38.2 %", "COCO test-dev, ResNet-101-FPN", "paper"),
        PublishedResult("mask AP", "33.1 %", "COCO test-dev, ResNet-101-C4", "paper"),
        PublishedResult("time", "195 ms per image", "ResNet-101-FPN, M40 GPU", "paper"),
    ),
    notes=(
        "Labels are counted without a background: num_classes=90 is the public model of 91. "
        "norm='frozen' keeps ImageNet's batch statistics, which needs backbone weights; from "
        "scratch take norm='batch' or 'group'. Published counts leave out frozen normalisation."
    ),
)
def mask_rcnn(
    *,
    num_classes: int = 80,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "resnet50",
    head: str = "fpn",
    norm: str | None = "batch",
    width: float = 1.0,
    filters: int = 0,
    units: int = 0,
    mask_filters: int = 256,
    anchor_sizes: Sequence[float] = (),
    anchor_ratios: Sequence[float] = RATIOS,
    regions: int = 0,
    proposals: Sequence[int] = (),
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.0,
    paste: bool = True,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "mask_rcnn",
) -> TwoStageDetector:
    """Mask R-CNN. Numbers left at 0 or empty take the form's own, here "FPN / C4".

    Args:
        num_classes: classes of objects; the background is not counted.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones`; a ResNet for the C4 form.
        head: `"fpn"`, or `"c4"`: one map, and ResNet's last stage as the head.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on the backbone's channels.
        filters: of the proposal network and the pyramid (256 / 1024).
        units: of the box head's dense layers (1024; C4 has none).
        mask_filters: of the mask head.
        anchor_sizes: in pixels of the canvas (32, 64, 128, 256, 512), on a pyramid one a level.
        anchor_ratios: height over width.
        regions: an image, to train the heads on (512 / 64).
        proposals: in training and in answers (2000, 1000 / 2000, 300).
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class (0.5).
        paste: whether `masks` are of the whole image, (B, D, H, W), or each in the frame of its
            box, (B, D, 112, 112); the second takes less memory on large images.
        backbone_options: what else the backbone takes.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `objectness`, `rpn_deltas` and the maps; its answers are those
        of `faster_rcnn` and `masks` uint8, 0 or 1.

    Raises:
        InputError: an unknown backbone, head or option, or numbers out of range.
    """
    check_detector(name, num_classes, detections=detections, width=width, mask_filters=mask_filters)
    if head not in ("fpn", "c4"):
        raise InputError(f'{name}: head is "fpn" or "c4", not {head!r}.')
    variant = (PYRAMID if head == "fpn" else C4).changed(
        filters=filters,
        units=units,
        anchor_sizes=anchor_sizes,
        regions=regions,
        proposals=proposals,
        nms_iou=nms_iou,
    )
    style: dict[str, Any] = {"norm": norm, "width": width, **(backbone_options or {})}
    images, maps = backbone_maps(
        input_shape,
        backbone,
        pyramid=head == "fpn",
        norm=norm,
        width=width,
        filters=variant.filters,
        options=backbone_options,
    )
    prediction: dict[str, Any] = {"score_threshold": score_threshold, "detections": detections}
    if head == "c4":
        return _c4(name, num_classes, images, maps, variant, anchor_ratios, prediction, style,
                   mask_filters, paste, backbone)  # fmt: skip
    masks = mask_head(variant.filters, num_classes, filters=mask_filters)
    branch = MaskBranch(Pooler(14), masks, paste)
    return pyramid_detector(
        name,
        num_classes,
        images,
        maps,
        variant,
        anchor_ratios,
        branches=(branch,),
        task="instances",
        **prediction,
    )


def _c4(
    name: str,
    num_classes: int,
    images: Any,
    maps: Mapping[int, Any],
    variant: Variant,
    ratios: Sequence[float],
    prediction: dict[str, Any],
    style: dict[str, Any],
    mask_filters: int,
    paste: bool,
    backbone: str,
) -> TwoStageDetector:
    """Both heads on one last stage of ResNet, whose weights they share."""
    if not backbone.startswith("resnet"):
        raise InputError(f"{name}: the C4 head is a ResNet's last stage, not one of {backbone}.")
    outputs, proposals = proposal_network(maps, variant, ratios)
    region = keras.Input((7, 7, maps[4].shape[-1]), name="region")
    options = {
        key: value for key, value in style.items() if key not in ("output_stride", "weights")
    }
    trunk = keras.Model(region, last_stage(region, name=backbone, **options), name="trunk")
    box = BoxBranch(
        Pooler(7),
        pooled_head(trunk, num_classes),
        beta=variant.beta,
        nms_iou=variant.nms_iou,
        **prediction,
    )
    masks = pooled_mask_head(trunk, num_classes, filters=mask_filters)
    return TwoStageDetector(
        images,
        outputs,
        proposals=proposals,
        sampling=RegionSampling(variant.regions, background_iou=variant.background_iou),
        box=box,
        branches=(MaskBranch(Pooler(7), masks, paste),),
        region_levels=(4,),
        task="instances",
        name=name,
    )
