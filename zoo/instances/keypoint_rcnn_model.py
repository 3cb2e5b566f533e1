"""Keypoint R-CNN: Mask R-CNN's head with a one-hot mask for each joint (He et al., ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.cards import PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.two_stage.assembly import (
    PYRAMID,
    RATIOS,
    backbone_maps,
    pyramid_detector,
)
from zoo.detection.two_stage.box_heads import keypoint_head
from zoo.detection.two_stage.roi_heads import Pooler
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.instances.keypoint_branch import KeypointBranch
from zoo.instances.mask_rcnn_model import PAPER
from zoo.registry import register


@register(
    "keypoint_rcnn",
    task="instances",
    targets=("boxes", "labels", "keypoints"),
    summary="Faster R-CNN, and a heat map for each joint of each region",
    paper=PAPER,
    published={
        "num_classes": 1,
        "num_keypoints": 17,
        "norm": "frozen",
        "backbone_options": {"stride_on": "3x3", "epsilon": 1e-5},
    },
    flops_size=(800, 1216),
    tiny={
        "num_classes": 2,
        "num_keypoints": 4,
        "width": 0.125,
        "filters": 16,
        "units": 32,
        "joint_filters": 16,
        "joint_convolutions": 2,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "regions": 16,
        "proposals": (64, 32),
        "detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("keypoint AP", "62.7 %", "COCO test-dev, ResNet-50-FPN", "paper"),
        PublishedResult(
            "keypoint AP", "63.1 %", "COCO test-dev, ResNet-50-FPN, masks beside", "paper"
        ),
    ),
    notes="The joints are the data set's; a flip in training needs their left and right pairs.",
)
def keypoint_rcnn(
    *,
    num_classes: int = 1,
    num_keypoints: int = 17,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "resnet50",
    norm: str | None = "batch",
    width: float = 1.0,
    filters: int = 0,
    units: int = 0,
    joint_filters: int = 512,
    joint_convolutions: int = 8,
    anchor_sizes: Sequence[float] = (),
    anchor_ratios: Sequence[float] = RATIOS,
    regions: int = 0,
    proposals: Sequence[int] = (),
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "keypoint_rcnn",
) -> TwoStageDetector:
    """Keypoint R-CNN. Numbers left at 0 or empty take those of the public ResNet-50-FPN model.

    Args:
        num_classes: classes of objects; the background is not counted.
        num_keypoints: joints of an object.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones` with maps at levels 2 to 5.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on the backbone's channels.
        filters: of the proposal network and the pyramid (256).
        units: of the box head's dense layers (1024).
        joint_filters, joint_convolutions: of the keypoint head.
        anchor_sizes: in pixels of the canvas, one a level (32, 64, 128, 256, 512).
        anchor_ratios: height over width.
        regions: an image, to train the heads on (512).
        proposals: in training and in answers (2000, 1000).
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class (0.5).
        backbone_options: what else the backbone takes.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `objectness`, `rpn_deltas` and the maps; its answers are those
        of `faster_rcnn` and `keypoints` (B, D, K, 3): x, y in pixels, score in 0…1.

    Raises:
        InputError: an unknown backbone or option, or numbers out of range.
    """
    check_detector(
        name,
        num_classes,
        detections=detections,
        width=width,
        num_keypoints=num_keypoints,
        joint_filters=joint_filters,
    )
    variant = PYRAMID.changed(
        filters=filters,
        units=units,
        anchor_sizes=anchor_sizes,
        regions=regions,
        proposals=proposals,
        nms_iou=nms_iou,
    )
    images, maps = backbone_maps(
        input_shape,
        backbone,
        pyramid=True,
        norm=norm,
        width=width,
        filters=variant.filters,
        options=backbone_options,
    )
    head = keypoint_head(
        variant.filters, num_keypoints, filters=joint_filters, convolutions=joint_convolutions
    )
    return pyramid_detector(
        name,
        num_classes,
        images,
        maps,
        variant,
        anchor_ratios,
        branches=(KeypointBranch(Pooler(14), head),),
        task="instances",
        score_threshold=score_threshold,
        detections=detections,
    )
