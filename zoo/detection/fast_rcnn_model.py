"""Fast R-CNN: RoIs pooled from one feature map of the image (Girshick, ICCV 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.argument_checks import check_above_zero, check_choice, check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.detection.two_stage.assembly import backbone_maps, box_branch
from zoo.detection.two_stage.freezing import freeze_convolutions
from zoo.detection.two_stage.proposal_detector import ProposalDetector
from zoo.detection.two_stage.roi_pooling import POOLINGS
from zoo.detection.two_stage.variants import FC
from zoo.layers.normalization_policy import default_norm
from zoo.registry import register


@register(
    "fast_rcnn",
    task="detection",
    summary="RoIs pooled from one feature map, classes and boxes trained jointly",
    paper=Paper("R. Girshick", "Fast R-CNN", "ICCV", 2015),
    published={"num_classes": 20, "frozen": 4},
    expected_parameters=134_690_729,
    flops_size=(600, 1000),
    inputs=("image", "proposals"),
    tiny={
        "num_classes": 3,
        "norm": "group",
        "width": 0.125,
        "hidden_units": 32,
        "dropout": 0.0,
        "rois_per_image": 16,
        "max_proposals": 24,
        "max_detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1, 1), "use_bias": False},
    },
    published_results=(
        PublishedResult("mAP", "66.9 %", "VOC 2007 test, VGG16", "paper"),
        PublishedResult("mAP", "66.6 %", "VOC 2007 test, VGG16, truncated SVD", "paper"),
        PublishedResult("mAP", "70.0 %", "VOC 2007 test, VGG16, trained on 07+12", "paper"),
        PublishedResult("mAP", "65.7 %", "VOC 2012 test, VGG16", "paper"),
        PublishedResult(
            "time", "0.32 s per image", "VGG16, K40 GPU, without the proposals", "paper"
        ),
        PublishedResult(
            "time",
            "0.22 s per image",
            "VGG16, truncated SVD, K40 GPU, without the proposals",
            "paper",
        ),
    ),
    notes=(
        "Takes proposals beside the image, by default those of Selective Search; so do exported "
        "files. Class indices do not include the background. The paper trains from conv3_1 up "
        "(frozen=4), which needs pretrained weights. zoo.truncated_svd shrinks the dense layers."
    ),
)
def fast_rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = None,
    width: float = 1.0,
    hidden_units: int = 4096,
    dropout: float = 0.5,
    pooling: str = "pool",
    frozen: int = 0,
    rois_per_image: int = 64,
    max_proposals: int = 2000,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    svd_ranks: Sequence[int] | None = None,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "fast_rcnn",
) -> ProposalDetector:
    """Builds Fast R-CNN.

    Args:
        num_classes: number of classes, without background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`; RoIs are pooled from its feature map of
            stride 16.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for VGG16 and `"batch"` for other backbones.
        width: width multiplier of the backbone.
        hidden_units: units of each of the two dense layers.
        dropout: dropout rate after each dense layer, in [0, 1).
        pooling: `"pool"` for the paper's RoIPool, `"align"` for RoIAlign.
        frozen: number of leading convolutions of the backbone that are not trained.
        rois_per_image: RoIs sampled per image for the head, at most a quarter of them positive.
        max_proposals: proposals used per image, the first ones.
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class, in [0, 1].
        svd_ranks: ranks of fc6 and fc7, each then split in two layers, see `zoo.truncated_svd`
            (1024, 256 in the paper); None for whole layers.
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from `{"image": images, "proposals": boxes}`, images (B, H, W, C) in [0, 255] and
        boxes (B, P, 4), to the feature map `p4` and the proposals; its predictions are those of
        `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, max_detections=max_detections, hidden_units=hidden_units,
        rois_per_image=rois_per_image, max_proposals=max_proposals,
    )  # fmt: skip
    check_above_zero(width=width)
    check_choice("pooling", pooling, POOLINGS)
    variant = FC.changed(
        pooling=pooling,
        hidden_units=hidden_units,
        dropout=dropout,
        rois_per_image=rois_per_image,
        nms_iou=nms_iou,
    )
    norm = default_norm(norm, backbone)
    images, maps = backbone_maps(
        input_shape, backbone, variant, norm=norm, width=width, options=backbone_options
    )
    box = box_branch(
        maps,
        num_classes,
        variant,
        score_threshold=score_threshold,
        max_detections=max_detections,
        svd_ranks=svd_ranks,
    )
    model = ProposalDetector(
        images, maps, sampling=variant.sampling, box=box, max_proposals=max_proposals, name=name
    )
    freeze_convolutions(model, frozen)
    return model
