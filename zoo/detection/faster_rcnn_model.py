"""Faster R-CNN: proposals from the feature maps of the detector (Ren et al., NIPS 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.argument_checks import check_above_zero, check_choice, check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.detection.two_stage.assembly import backbone_maps, box_branch, region_proposal_network
from zoo.detection.two_stage.freezing import freeze_convolutions, freeze_shared
from zoo.detection.two_stage.two_stage_detector import TRAINABLE_PARTS, TwoStageDetector
from zoo.detection.two_stage.variants import RATIOS, VARIANTS
from zoo.layers.normalization_policy import default_norm
from zoo.registry import register


@register(
    "faster_rcnn",
    task="detection",
    summary="a region proposal network and a Fast R-CNN head on shared feature maps",
    paper=Paper(
        "S. Ren, K. He, R. Girshick, J. Sun",
        "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks",
        "NIPS",
        2015,
    ),
    published={"num_classes": 20},
    expected_parameters=137_078_239,
    flops_size=(600, 1000),
    tiny={
        "num_classes": 3,
        "backbone": "resnet50",
        "head": "fpn",
        "width": 0.125,
        "filters": 16,
        "hidden_units": 32,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "rois_per_image": 16,
        "proposals": (64, 32),
        "max_detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1), "stride_on": "3x3"},
    },
    published_results=(
        PublishedResult("mAP", "69.9 %", "VOC 2007 test, VGG16, shared maps", "paper"),
        PublishedResult("mAP", "73.2 %", "VOC 2007 test, VGG16, trained on 07+12", "paper"),
        PublishedResult("mAP", "70.4 %", "VOC 2012 test, VGG16", "paper"),
        PublishedResult("mAP@[.5, .95]", "21.9 %", "COCO test-dev, VGG16", "paper"),
        PublishedResult("time", "198 ms per image", "VGG16, K40 GPU", "paper"),
    ),
    notes=(
        "Class indices do not include the background. The defaults are the paper's VGG16 form with "
        "one feature map, RoIPool, fc6 and fc7. backbone='resnet50', head='fpn' is the public "
        "ResNet-50-FPN form with RoIAlign and two dense layers of 1024 units."
    ),
    stages=("four_step_training",),
)
def faster_rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    head: str = "fc",
    norm: str | None = None,
    width: float = 1.0,
    filters: int | None = None,
    hidden_units: int | None = None,
    dropout: float | None = None,
    anchor_sizes: Sequence[float] | None = None,
    anchor_ratios: Sequence[float] = RATIOS,
    rois_per_image: int | None = None,
    proposals: tuple[int, int] | None = None,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float | None = None,
    trainable_part: str = "all",
    frozen: int = 0,
    freeze_backbone: bool = False,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "faster_rcnn",
) -> TwoStageDetector:
    """Builds Faster R-CNN.

    Defaults that depend on the head are given as "fc / fpn".

    Args:
        num_classes: number of classes, without background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`.
        head: `"fc"` for one feature map of stride 16, RoIPool, fc6 and fc7; `"fpn"` for a feature
            pyramid, RoIAlign and two dense layers.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for VGG16 and `"batch"` for other backbones.
        width: width multiplier of the backbone.
        filters: filters of the region proposal network and the feature pyramid (512 / 256).
        hidden_units: units of each of the two dense layers (4096 / 1024).
        dropout: dropout rate after each dense layer, in [0, 1) (0.5 / 0).
        anchor_sizes: anchor sizes in pixels of the model input (128, 256, 512 on the one feature
            map / 32, 64, 128, 256, 512, one per level from stride 4).
        anchor_ratios: height / width of the anchors.
        rois_per_image: RoIs sampled per image for the detector's head (128 / 512).
        proposals: proposals kept per image, `(train, predict)` (2000, 300 / 2000, 1000).
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class (0.3 / 0.5).
        trainable_part: `"all"` for joint training; `"proposals"` for the region proposal network
            and the layers below it; `"regions"` for the detector's head and the layers below it.
            The paper's four-step training uses the parts, see `training.stages`.
        frozen: number of leading convolutions of the backbone that are not trained.
        freeze_backbone: whether no layer that the two networks share is trained.
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `objectness` (B, A), `rpn_deltas` (B, A, 4)
        and the feature maps; its predictions are those of `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, max_detections=max_detections)
    check_above_zero(width=width)
    check_choice("head", head, ("fc", "fpn"))
    check_choice("trainable_part", trainable_part, TRAINABLE_PARTS)
    variant = VARIANTS[head].changed(
        filters=filters,
        hidden_units=hidden_units,
        dropout=dropout,
        anchor_sizes=anchor_sizes,
        rois_per_image=rois_per_image,
        proposals=proposals,
        nms_iou=nms_iou,
    )
    norm = default_norm(norm, backbone)
    images, maps = backbone_maps(
        input_shape, backbone, variant, norm=norm, width=width, options=backbone_options
    )
    outputs, rpn = region_proposal_network(maps, variant, anchor_ratios)
    box = box_branch(
        maps, num_classes, variant, score_threshold=score_threshold, max_detections=max_detections
    )
    model = TwoStageDetector(
        images,
        outputs,
        proposals=rpn,
        sampling=variant.sampling,
        box=box,
        roi_levels=variant.levels,
        trainable_part=trainable_part,
        name=name,
    )
    freeze_convolutions(model, frozen)
    if freeze_backbone:
        freeze_shared(model)
    return model
