"""R-CNN: proposals warped to one size, a network on each, SVMs (Girshick et al., CVPR 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone, find_backbone
from zoo.backbones.feature_contract import normalize_pixels, scaled
from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.two_stage.roi_heads import RegionSampling
from zoo.detection.two_stage.warped_regions import (
    SCORES,
    WarpBranch,
    WarpedRegionDetector,
    Warper,
    region_head,
)
from zoo.errors import InputError
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.registry import register

LEVEL = 5
ALEXNET = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1))
"""Filters, side and stride of AlexNet's convolutions."""
POOLED = (1, 2, 5)
MEAN_BGR = [103.939, 116.779, 123.68]


@register(
    "rcnn",
    task="detection",
    summary="each proposal warped and classified by a network of its own, then SVMs and boxes",
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
        "units": 32,
        "dropout": 0.0,
        "crop": 67,
        "context": 4,
        "regions": 16,
        "proposals": 24,
        "detections": 20,
        "at_once": 16,
    },
    published_results=(
        PublishedResult("mAP", "58.5 %", "VOC 2007 test, AlexNet, boxes regressed", "paper"),
        PublishedResult("mAP", "54.2 %", "VOC 2007 test, AlexNet", "paper"),
        PublishedResult("mAP", "66.0 %", "VOC 2007 test, VGG16, boxes regressed", "paper"),
        PublishedResult("mAP", "53.3 %", "VOC 2012 test, AlexNet, boxes regressed", "paper"),
        PublishedResult("time", "13 s an image", "AlexNet, GPU", "paper"),
        PublishedResult("time", "47 s an image", "VGG16, K40 GPU", "Fast R-CNN paper"),
    ),
    notes=(
        "`zoo train` learns the softmax, then solves the SVMs and the box regression on stored "
        "features; any other `fit` learns the softmax, by which the model then answers. AlexNet is "
        "one tower without response normalisation; pretrained weights are to be had for "
        "backbone='vgg16' with backbone_options={'weights': 'imagenet'} and norm='none'."
    ),
)
def rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "alexnet",
    norm: str | None = None,
    width: float = 1.0,
    units: int = 4096,
    dropout: float = 0.5,
    scores: str = "svm",
    crop: int = 227,
    context: int = 16,
    regions: int = 64,
    proposals: int = 2000,
    at_once: int = 32,
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "rcnn",
) -> WarpedRegionDetector:
    """R-CNN.

    What lies beyond the canvas counts as the mean pixel; where an image does not fill its canvas,
    the rest of the canvas is black.

    Args:
        num_classes: classes of objects; the background is not counted.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: `"alexnet"`, or a name of `zoo.backbones`, of which the map of stride 32 is taken.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`; default the backbone's own,
            none for AlexNet and VGG16 and batch for others.
        width: factor on the channels of the convolutions.
        units: of the two dense layers.
        dropout: behind each of them.
        scores: `"svm"`, or `"softmax"` for a model without SVMs.
        crop: side in pixels of the squares that regions are warped to.
        context: pixels on each side of the square that lie around the region.
        regions: an image, to learn the softmax on; a quarter of them show an object. With two
            images a batch the default is the paper's 32 + 96.
        proposals: of an image that answers look at, the first ones given.
        at_once: regions of an image in the network at a time, when it answers.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class.
        backbone_options: what else the backbone takes, such as `{"weights": "imagenet"}`.
        name: of the model.

    Returns:
        A model from `{"image": (B, H, W, C), "proposals": (B, P, 4)}` to the image less the mean
        pixel, `p0`, and the proposals; its answers are `boxes`, `labels`, `scores` and
        `num_detections`, see `zoo.tasks.detection_task`.

    Raises:
        InputError: an unknown backbone or option, or numbers out of range.
    """
    check_detector(
        name, num_classes, detections=detections, width=width, units=units, regions=regions,
        proposals=proposals, at_once=at_once, crop=crop,
    )  # fmt: skip
    if scores not in SCORES:
        raise InputError(f"{name}: scores is {' or '.join(SCORES)}, not {scores!r}.")
    if not 0 <= 2 * context < crop:
        raise InputError(f"{name}: context is from 0 to {(crop - 1) // 2}, not {context}.")
    norm = norm or ("none" if backbone in ("alexnet", "vgg16") else "batch")
    images = keras.Input(input_shape, name="image")
    warps = keras.Input((crop, crop, input_shape[-1]), name="warp")
    if backbone == "alexnet":
        pixels, features = normalize_pixels(images, MEAN_BGR, 1.0, "bgr"), alexnet
    else:
        if LEVEL not in find_backbone(backbone).levels:
            raise InputError(f"{name}: backbone {backbone} has no map of stride 32.")
        pixels = find_backbone(backbone).normalize(images)

        def features(x, **more):
            return build_backbone(backbone, x, normalize=False, **more)[LEVEL]

    last = features(warps, norm=norm, width=width, **(backbone_options or {}))
    head = region_head(warps, last, num_classes, units=units, dropout=dropout, scores=scores)
    branch = WarpBranch(
        Warper(crop, context=context),
        head,
        weights=(1.0, 1.0, 1.0, 1.0),
        score_threshold=score_threshold,
        nms_iou=nms_iou,
        detections=detections,
        at_once=at_once,
    )
    return WarpedRegionDetector(
        images, pixels, sampling=RegionSampling(regions), box=branch, limit=proposals, name=name
    )


def alexnet(x, *, norm: str | None, width: float):
    """227×227 → 55×55×96, 27×27×256, 13×13×384, 13×13×384, 13×13×256, pooled to 6×6.

    Raises:
        InputError: squares too small for its strides.
    """
    if x.shape[1] < 67:
        raise InputError(f"AlexNet takes squares of at least 67 pixels, not {x.shape[1]}.")
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
