"""Keypoint R-CNN: Faster R-CNN with a keypoint branch (He et al., *Mask R-CNN*, ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.argument_checks import check_above_zero, check_minimum
from zoo.cards import PublishedResult
from zoo.detection.two_stage.assembly import backbone_maps, box_branch, region_proposal_network
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.detection.two_stage.variants import FPN, RATIOS
from zoo.instances.keypoint_branch import keypoint_branch
from zoo.instances.mask_rcnn_model import PAPER
from zoo.registry import register


@register(
    "keypoint_rcnn",
    task="instances",
    targets=("boxes", "labels", "keypoints"),
    summary="Faster R-CNN with a heat map per keypoint",
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
        "hidden_units": 32,
        "keypoint_filters": 16,
        "keypoint_convolutions": 2,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "rois_per_image": 16,
        "proposals": (64, 32),
        "max_detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("keypoint AP", "62.7 %", "COCO test-dev, ResNet-50-FPN", "paper"),
        PublishedResult(
            "keypoint AP", "63.1 %", "COCO test-dev, ResNet-50-FPN, with the mask branch", "paper"
        ),
    ),
    notes="Keypoints are those of the data set; horizontal flips need its left-right pairs.",
)
def keypoint_rcnn(
    *,
    num_classes: int = 1,
    num_keypoints: int = 17,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "resnet50",
    norm: str | None = "batch",
    width: float = 1.0,
    filters: int = 256,
    hidden_units: int = 1024,
    keypoint_filters: int = 512,
    keypoint_convolutions: int = 8,
    anchor_sizes: Sequence[float] = FPN.anchor_sizes,
    anchor_ratios: Sequence[float] = RATIOS,
    rois_per_image: int = 512,
    proposals: tuple[int, int] = FPN.proposals,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.5,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "keypoint_rcnn",
) -> TwoStageDetector:
    """Builds Keypoint R-CNN with the defaults of the public ResNet-50-FPN model.

    Args:
        num_classes: number of classes, without background.
        num_keypoints: keypoints per object.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones` with feature maps of stride 4 to 32.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the backbone.
        filters: filters of the region proposal network and the feature pyramid.
        hidden_units: units of each of the box head's dense layers.
        keypoint_filters: filters of the keypoint head's convolutions.
        keypoint_convolutions: number of the keypoint head's convolutions.
        anchor_sizes: anchor sizes in pixels of the model input, one per level from stride 4
            (32, 64, 128, 256, 512).
        anchor_ratios: height / width of the anchors.
        rois_per_image: RoIs sampled per image for the heads.
        proposals: proposals kept per image, `(train, predict)` (2000, 1000).
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class, in [0, 1].
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `objectness`, `rpn_deltas` and the feature
        maps; its predictions are those of `zoo.tasks.detection_task` and `keypoints` (B, D, K, 3):
        x, y in pixels, score in [0, 1].

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, num_keypoints=num_keypoints, max_detections=max_detections,
        keypoint_filters=keypoint_filters,
    )  # fmt: skip
    check_above_zero(width=width)
    variant = FPN.changed(
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
    box = box_branch(
        maps, num_classes, variant, score_threshold=score_threshold, max_detections=max_detections
    )
    keypoints = keypoint_branch(
        maps, num_keypoints, filters=keypoint_filters, convolutions=keypoint_convolutions
    )
    return TwoStageDetector(
        images,
        outputs,
        proposals=rpn,
        sampling=variant.sampling,
        box=box,
        branches=(keypoints,),
        roi_levels=variant.levels,
        task="instances",
        name=name,
    )
