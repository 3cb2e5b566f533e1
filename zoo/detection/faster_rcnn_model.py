"""Faster R-CNN: proposals from the maps that the detector looks at anyway (Ren et al., 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.two_stage.assembly import (
    PYRAMID,
    RATIOS,
    SINGLE,
    backbone_maps,
    proposal_network,
    pyramid_detector,
)
from zoo.detection.two_stage.box_heads import dense_head
from zoo.detection.two_stage.proposal_detector import freeze_convolutions
from zoo.detection.two_stage.roi_heads import BoxBranch, Pooler, RegionSampling
from zoo.detection.two_stage.two_stage_detector import TRAINABLE_PARTS, TwoStageDetector
from zoo.errors import InputError
from zoo.registry import register


@register(
    "faster_rcnn",
    task="detection",
    summary="a region proposal network and a Fast R-CNN head on the same maps",
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
        "pyramid": True,
        "width": 0.125,
        "filters": 16,
        "units": 32,
        "anchor_sizes": (8, 16, 24, 32, 48),
        "regions": 16,
        "proposals": (64, 32),
        "detections": 20,
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
        "Labels are counted without a background. The defaults are the paper's single-level VGG16 "
        "form with RoIPool, fc6 and fc7. backbone='resnet50', pyramid=True gives the common public "
        "ResNet-50-FPN form with RoIAlign and two dense layers of 1024."
    ),
)
def faster_rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    pyramid: bool = False,
    norm: str | None = None,
    width: float = 1.0,
    filters: int = 0,
    units: int = 0,
    dropout: float | None = None,
    anchor_sizes: Sequence[float] = (),
    anchor_ratios: Sequence[float] = RATIOS,
    regions: int = 0,
    proposals: Sequence[int] = (),
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.0,
    trainable_part: str = "all",
    frozen: int = 0,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "faster_rcnn",
) -> TwoStageDetector:
    """Faster R-CNN. Numbers left at 0 or empty take the form's own, here "VGG16 / pyramid".

    Args:
        num_classes: classes of objects; the background is not counted.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones`.
        pyramid: a feature pyramid and RoIAlign instead of one map of stride 16 and RoIPool.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`; default the backbone's own,
            none for VGG16 and batch for others.
        width: factor on the backbone's channels.
        filters: of the proposal network's convolution and the pyramid (512 / 256).
        units: of the two dense layers (4096 / 1024).
        dropout: behind each dense layer (0.5 / 0).
        anchor_sizes: in pixels of the canvas; on one map all of them (128, 256, 512), on a pyramid
            one a level from stride 4 on (32, 64, 128, 256, 512).
        anchor_ratios: height over width.
        regions: an image, to train the head on (128 / 512).
        proposals: in training and in answers (2000, 300 / 2000, 1000).
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class (0.3 / 0.5).
        learns: `"all"`: everything jointly; `"proposals"`: the proposal network and what it looks
            at; `"regions"`: the detector's head and what it looks at. The paper's four steps are
            made of these, see `training.stages.four_step_training`.
        frozen: first convolutions that are not trained; −1 for all that both networks share.
        backbone_options: what else the backbone takes, such as `{"weights": "imagenet"}`.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `objectness` (B, A), `rpn_deltas` (B, A, 4) and the maps; its
        answers are `boxes`, `labels`, `scores` and `num_detections`, see `zoo.tasks`.

    Raises:
        InputError: an unknown backbone or option, or numbers out of range.
    """
    check_detector(name, num_classes, detections=detections, width=width)
    if trainable_part not in TRAINABLE_PARTS:
        raise InputError(f"{name}: learns is {', '.join(TRAINABLE_PARTS)}, not {trainable_part!r}.")
    variant = (PYRAMID if pyramid else SINGLE).changed(
        filters=filters,
        units=units,
        dropout=dropout,
        anchor_sizes=anchor_sizes,
        regions=regions,
        proposals=proposals,
        nms_iou=nms_iou,
    )
    images, maps = backbone_maps(
        input_shape,
        backbone,
        pyramid=pyramid,
        norm=norm or ("none" if backbone == "vgg16" else "batch"),
        width=width,
        filters=variant.filters,
        options=backbone_options,
    )
    prediction: dict[str, Any] = {"score_threshold": score_threshold, "detections": detections}
    if pyramid:
        model = pyramid_detector(
            name,
            num_classes,
            images,
            maps,
            variant,
            anchor_ratios,
            trainable_part=trainable_part,
            **prediction,
        )
        return _partly_frozen(model, frozen)
    outputs, network = proposal_network(maps, variant, anchor_ratios)
    head = dense_head(maps[4].shape[-1], num_classes, units=variant.units, dropout=variant.dropout)
    model = TwoStageDetector(
        images,
        outputs,
        proposals=network,
        sampling=RegionSampling(variant.regions, background_iou=variant.background_iou),
        box=BoxBranch(
            Pooler(7, "pool"), head, beta=variant.beta, nms_iou=variant.nms_iou, **prediction
        ),
        region_levels=(4,),
        trainable_part=trainable_part,
        name=name,
    )
    return _partly_frozen(model, frozen)


def _partly_frozen(model: TwoStageDetector, count: int) -> TwoStageDetector:
    """The model without its first convolutions, or all shared ones, among what is trained."""
    if count >= 0:
        freeze_convolutions(model, count)
        return model
    for layer in model.layers:
        if layer is not model.box_head and not layer.name.startswith("rpn_"):
            layer.trainable = False
    return model
