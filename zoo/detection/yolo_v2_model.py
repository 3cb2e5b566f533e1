"""YOLOv2: Darknet-19 with boxes from anchor priors (Redmon & Farhadi, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_above_zero, check_choice, check_minimum
from zoo.backbones import build_backbone
from zoo.backbones.backbone import scaled
from zoo.backbones.darknet import convolution
from zoo.cards import Paper, PublishedResult
from zoo.detection.postprocessing import Selection
from zoo.detection.yolo.yolo_v2_detector import YoloV2Detector
from zoo.detection.yolo.yolo_v2_loss import YoloV2Settings, check_priors
from zoo.layers.padding import PadToMultiple
from zoo.layers.reorg import Reorg
from zoo.registry import register

VOC_PRIORS = (
    (1.3221, 1.73145),
    (3.19275, 4.00944),
    (5.05587, 8.09892),
    (9.47112, 4.84053),
    (11.2364, 10.0071),
)


@register(
    "yolo_v2",
    task="detection",
    summary="Darknet-19 with five anchor priors per cell, one pass over the image",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    published={"num_classes": 20},
    expected_parameters=50_676_061 + 1,
    flops_size=(416, 416),
    tiny={
        "num_classes": 3,
        "width": 0.125,
        "anchor_priors": ((0.5, 0.5), (1.0, 1.0)),
        "backbone_options": {"blocks": (1, 1, 1, 1, 1, 1)},
    },
    published_results=(
        PublishedResult("mAP", "76.8 % at 67 fps", "VOC 2007 test, 416×416, Titan X", "paper"),
        PublishedResult("mAP", "78.6 % at 40 fps", "VOC 2007 test, 544×544, Titan X", "paper"),
        PublishedResult("mAP", "73.4 %", "VOC 2012 test", "paper"),
        PublishedResult("mAP@[.5, .95]", "21.6 %", "COCO test-dev", "paper"),
    ),
    notes=(
        "The authors' file holds 50,676,061 values; one more weight counts the training images for "
        "the prior warm-up. Anchor priors are in cells of 32 pixels; `zoo data DATA --anchors 5` "
        "clusters those of a data set."
    ),
)
def yolo_v2(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    anchor_priors: Sequence[Sequence[float]] = VOC_PRIORS,
    passthrough: str = "code",
    max_detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.45,
    class_agnostic: bool = False,
    prior_warmup_images: int = 12_800,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "yolo_v2",
) -> YoloV2Detector:
    """Builds YOLOv2.

    Args:
        num_classes: number of classes; there is no background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the convolutions.
        anchor_priors: (width, height) of the anchor priors in cells of 32 pixels.
        passthrough: `"code"` for the 26×26 map reduced to 64 channels before it is concatenated
            with the last map, as in the authors' code; `"paper"` for all of its 512 channels.
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression, in [0, 1].
        class_agnostic: whether boxes suppress boxes of other classes too.
        prior_warmup_images: number of training images for which predictions are pulled to their
            priors.
        backbone_options: further arguments of the backbone, Darknet-19; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `cells` (B, H / 32, W / 32, A·(5 +
        num_classes)); its predictions are those of `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, max_detections=max_detections)
    check_above_zero(width=width)
    settings = YoloV2Settings(check_priors(anchor_priors), prior_warmup_images=prior_warmup_images)
    images, outputs = yolo_v2_graph(
        input_shape,
        len(settings.anchor_priors) * (5 + num_classes),
        norm=norm,
        width=width,
        passthrough=passthrough,
        backbone_options=backbone_options,
    )
    selection = Selection(score_threshold, nms_iou, max_detections, class_agnostic)
    return YoloV2Detector(images, outputs, settings=settings, selection=selection, name=name)


def yolo_v2_graph(
    input_shape: tuple[int | None, int | None, int],
    filters: int,
    *,
    norm: str | None,
    width: float,
    passthrough: str,
    backbone_options: Mapping[str, Any] | None,
    initializer: str | keras.initializers.Initializer = "glorot_uniform",
) -> tuple[Any, dict[str, Any]]:
    """Builds the network of YOLOv2 and YOLO9000, see `yolo_v2`.

    Returns the images' input, and the output `cells` (B, H / 32, W / 32, filters); `initializer` is
    that of the last convolution.
    """
    check_choice("passthrough", passthrough, ("code", "paper"))
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(32, mode="zero", name="pad")(images)
    maps = build_backbone("darknet19", x, norm=norm, width=width, **(backbone_options or {}))
    deep = scaled(1024, width)
    x = convolution(maps[5], deep, 3, norm, "conv19")
    x = convolution(x, deep, 3, norm, "conv20")
    fine = maps[4]
    if passthrough == "code":
        fine = convolution(fine, scaled(64, width), 1, norm, "conv21")
    x = layers.Concatenate(name="passthrough")([Reorg(2, name="reorg")(fine), x])
    x = convolution(x, deep, 3, norm, "conv22")
    x = layers.Conv2D(filters, 1, kernel_initializer=initializer, name="conv23")(x)
    return images, {"cells": layers.Activation("linear", dtype="float32", name="cells")(x)}
