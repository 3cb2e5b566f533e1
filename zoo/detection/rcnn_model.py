"""R-CNN: proposals warped to one size, a network on each, SVMs (Girshick et al., CVPR 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_above_zero, check_choice, check_minimum
from zoo.backbones import build_backbone, find_backbone
from zoo.backbones.backbone import normalize_pixels, scaled
from zoo.cards import Paper, PublishedResult
from zoo.detection.postprocessing import Selection
from zoo.detection.two_stage.roi_sampling import RoiSampling
from zoo.detection.two_stage.warped_regions import (
    SCORES,
    RoiWarper,
    WarpBranch,
    WarpedRegionDetector,
    region_head,
)
from zoo.errors import InputError
from zoo.layers.normalization_policy import default_norm, normalization, normalizes
from zoo.registry import register

LEVEL = 5
ALEXNET = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1))
"""Filters, kernel size and stride of AlexNet's convolutions."""
POOLED = (1, 2, 5)
MEAN_BGR = [103.939, 116.779, 123.68]


@register(
    "rcnn",
    task="detection",
    summary="each proposal warped and passed through the network; SVMs and box regression",
    paper=Paper(
        "R. Girshick, J. Donahue, T. Darrell, J. Malik",
        "Rich Feature Hierarchies for Accurate Object Detection and Semantic Segmentation",
        "CVPR",
        2014,
    ),
    published={"num_classes": 20},
    expected_parameters=58_367_381,
    flops_size=(375, 500),
    inputs=("image", "proposals"),
    tiny={
        "num_classes": 3,
        "norm": "group",
        "width": 0.125,
        "hidden_units": 32,
        "dropout": 0.0,
        "crop_size": 67,
        "context": 4,
        "rois_per_image": 16,
        "max_proposals": 24,
        "max_detections": 20,
        "chunk_size": 16,
    },
    published_results=(
        PublishedResult("mAP", "58.5 %", "VOC 2007 test, AlexNet, boxes regressed", "paper"),
        PublishedResult("mAP", "54.2 %", "VOC 2007 test, AlexNet", "paper"),
        PublishedResult("mAP", "66.0 %", "VOC 2007 test, VGG16, boxes regressed", "paper"),
        PublishedResult("mAP", "53.3 %", "VOC 2012 test, AlexNet, boxes regressed", "paper"),
        PublishedResult("time", "13 s per image", "AlexNet, GPU", "paper"),
        PublishedResult("time", "47 s per image", "VGG16, K40 GPU", "Fast R-CNN paper"),
    ),
    notes=(
        "`zoo train` trains the softmax, then solves the SVMs and the box regression on stored "
        "features; any other `fit` trains the softmax alone, which then gives the scores. AlexNet "
        "is one tower without response normalization; pretrained weights exist for "
        "backbone='vgg16', norm='none'."
    ),
    stages=("region_svms",),
)
def rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "alexnet",
    norm: str | None = None,
    width: float = 1.0,
    hidden_units: int = 4096,
    dropout: float = 0.5,
    scores: str = "svm",
    crop_size: int = 227,
    context: int = 16,
    rois_per_image: int = 64,
    max_proposals: int = 2000,
    chunk_size: int = 32,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "rcnn",
) -> WarpedRegionDetector:
    """Builds R-CNN.

    Outside of the model input a warped RoI shows the mean pixel; where an image does not fill the
    model input, the padding is black.

    Args:
        num_classes: number of classes, without background.
        input_shape: height, width and channels of the images; None for any height or width.
        backbone: name of a backbone of `zoo.backbones`, whose feature map of stride 32 is used, or
            `"alexnet"`.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. None is
            `"none"` for AlexNet and VGG16, and `"batch"` for other backbones.
        width: width multiplier of the convolutions.
        hidden_units: units of each of the two dense layers.
        dropout: dropout rate after each dense layer, in [0, 1).
        scores: `"svm"`, or `"softmax"` for a model without SVMs.
        crop_size: side in pixels of the squares that RoIs are warped to.
        context: pixels on each side of the square that show the surroundings of the RoI.
        rois_per_image: RoIs sampled per image for the softmax, at most a quarter of them positive;
            with two images per batch the default is the paper's 32 + 96.
        max_proposals: proposals used per image, the first ones.
        chunk_size: RoIs per image that pass through the network at a time in prediction.
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class, in [0, 1].
        backbone_options: further arguments of the backbone; None for its defaults.
        name: name of the model.

    Returns:
        A model from `{"image": images, "proposals": boxes}`, images (B, H, W, C) in [0, 255] and
        boxes (B, P, 4), to the image minus the mean pixel, `p0`, and the proposals; its predictions
        are those of `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, max_detections=max_detections, hidden_units=hidden_units,
        rois_per_image=rois_per_image, max_proposals=max_proposals, chunk_size=chunk_size,
        crop_size=crop_size,
    )  # fmt: skip
    check_above_zero(width=width)
    check_choice("scores", scores, SCORES)
    if not 0 <= 2 * context < crop_size:
        raise InputError(f"context must be from 0 to {(crop_size - 1) // 2}, not {context}.")
    norm = default_norm(norm, backbone)
    images = keras.Input(input_shape, name="image")
    warps = keras.Input((crop_size, crop_size, input_shape[-1]), name="warp")
    if backbone == "alexnet":
        pixels, features = normalize_pixels(images, MEAN_BGR, 1.0, "bgr"), alexnet
    else:
        if LEVEL not in find_backbone(backbone).levels:
            raise InputError(f"backbone {backbone} has no feature map of stride 32.")
        pixels = find_backbone(backbone).normalize(images)

        def features(x, **arguments):
            return build_backbone(backbone, x, normalize=False, **arguments)[LEVEL]

    pool5 = features(warps, norm=norm, width=width, **(backbone_options or {}))
    head = region_head(
        warps, pool5, num_classes, hidden_units=hidden_units, dropout=dropout, scores=scores
    )
    box = WarpBranch(
        RoiWarper(crop_size, context=context),
        head,
        Selection(score_threshold, nms_iou, max_detections),
        weights=(1.0, 1.0, 1.0, 1.0),
        chunk_size=chunk_size,
    )
    return WarpedRegionDetector(
        images,
        pixels,
        sampling=RoiSampling(rois_per_image),
        box=box,
        max_proposals=max_proposals,
        name=name,
    )


def alexnet(x, *, norm: str | None, width: float):
    """Adds AlexNet's convolutions; of 227×227 pixels 6×6×256 values remain."""
    if x.shape[1] < 67:
        raise InputError(f"crop_size must be at least 67 for AlexNet, not {x.shape[1]}.")
    for number, (filters, size, stride) in enumerate(ALEXNET, start=1):
        x = layers.Conv2D(
            scaled(filters, width),
            size,
            strides=stride,
            padding="valid" if number == 1 else "same",
            use_bias=not normalizes(norm),
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
        x = normalization(norm, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
        if number in POOLED:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)
    return x
