"""Mask R-CNN: Faster R-CNN with a mask branch (He et al., ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.argument_checks import check_above_zero, check_choice, check_minimum
from zoo.backbones.resnet import last_stage
from zoo.cards import Paper, PublishedResult
from zoo.detection.two_stage.assembly import backbone_maps, box_branch, region_proposal_network
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.detection.two_stage.variants import RATIOS, VARIANTS
from zoo.errors import InputError
from zoo.instances.mask_branch import mask_branch
from zoo.registry import register

PAPER = Paper("K. He, G. Gkioxari, P. Dollár, R. Girshick", "Mask R-CNN", "ICCV", 2017)


@register(
    "mask_rcnn",
    task="instances",
    summary="Faster R-CNN with a small fully convolutional mask head per class",
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
        "hidden_units": 32,
        "mask_filters": 8,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "rois_per_image": 16,
        "proposals": (64, 32),
        "max_detections": 20,
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
        "Class indices do not include the background: num_classes=90 is the public model of 91. "
        "norm='frozen' keeps ImageNet's batch statistics and needs pretrained weights; from "
        "scratch use norm='batch' or 'group'. Published counts leave out frozen normalization."
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
    filters: int | None = None,
    hidden_units: int | None = None,
    mask_filters: int = 256,
    anchor_sizes: Sequence[float] | None = None,
    anchor_ratios: Sequence[float] = RATIOS,
    rois_per_image: int | None = None,
    proposals: tuple[int, int] | None = None,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float | None = None,
    paste: bool = True,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "mask_rcnn",
) -> TwoStageDetector:
    """Builds Mask R-CNN.

    Defaults that depend on the head are given as "fpn / c4".

    Args:
        num_classes: number of classes, without background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`; a ResNet with `head="c4"`.
        head: `"fpn"` for a feature pyramid and two dense layers; `"c4"` for one feature map of
            stride 16, and ResNet's last stage as the head.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the backbone.
        filters: filters of the region proposal network and the feature pyramid (256 / 1024).
        hidden_units: units of each of the box head's dense layers (1024 / not used).
        mask_filters: filters of the mask head.
        anchor_sizes: anchor sizes in pixels of the model input (32, 64, 128, 256, 512; in the
            pyramid one per level from stride 4).
        anchor_ratios: height / width of the anchors.
        rois_per_image: RoIs sampled per image for the heads (512 / 64).
        proposals: proposals kept per image, `(train, predict)` (2000, 1000 / 2000, 300).
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class (0.5).
        paste: whether `masks` are of the whole image, (B, D, H, W); else each covers its box,
            (B, D, 112, 112), which takes less memory on large images.
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `objectness`, `rpn_deltas` and the feature
        maps; its predictions are those of `zoo.tasks.detection_task` and `masks` uint8, 0 or 1.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, max_detections=max_detections, mask_filters=mask_filters
    )
    check_above_zero(width=width)
    check_choice("head", head, ("fpn", "c4"))
    variant = VARIANTS[head].changed(
        filters=filters,
        hidden_units=hidden_units,
        anchor_sizes=anchor_sizes,
        rois_per_image=rois_per_image,
        proposals=proposals,
        nms_iou=nms_iou,
    )
    images, maps = backbone_maps(
        input_shape, backbone, variant, norm=norm, width=width, options=backbone_options
    )
    outputs, rpn = region_proposal_network(maps, variant, anchor_ratios)
    trunk = None
    if head == "c4":
        trunk = _last_stage(maps[4], backbone, norm, width, backbone_options)
    box = box_branch(
        maps,
        num_classes,
        variant,
        score_threshold=score_threshold,
        max_detections=max_detections,
        trunk=trunk,
    )
    masks = mask_branch(maps, num_classes, mask_filters, paste=paste, trunk=trunk)
    return TwoStageDetector(
        images,
        outputs,
        proposals=rpn,
        sampling=variant.sampling,
        box=box,
        branches=(masks,),
        roi_levels=variant.levels,
        task="instances",
        name=name,
    )


def _last_stage(
    features: Any,
    backbone: str,
    norm: str | None,
    width: float,
    options: Mapping[str, Any] | None,
) -> keras.Model:
    """ResNet's last stage on a RoI's map, which the box head and the mask head share."""
    if not backbone.startswith("resnet"):
        raise InputError(f"backbone must be a ResNet with head='c4', not {backbone!r}.")
    style = {key: value for key, value in (options or {}).items() if key != "output_stride"}
    region = keras.Input((7, 7, features.shape[-1]), name="region")
    x = last_stage(region, norm=norm, width=width, name=backbone, **style)
    return keras.Model(region, x, name="trunk")
