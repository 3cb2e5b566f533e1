"""YOLOv2: one network, one look, boxes from priors (Redmon & Farhadi, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.backbones import build_backbone
from zoo.backbones.darknet import convolution
from zoo.backbones.feature_contract import scaled
from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.yolo.yolo_v2_loss import YoloV2Detector, YoloV2Settings, check_anchors
from zoo.errors import InputError
from zoo.layers.padding import PadToMultiple
from zoo.layers.reorg import Reorg
from zoo.registry import register

VOC_ANCHORS = (
    (1.3221, 1.73145),
    (3.19275, 4.00944),
    (5.05587, 8.09892),
    (9.47112, 4.84053),
    (11.2364, 10.0071),
)
COCO_ANCHORS = (
    (0.57273, 0.677385),
    (1.87446, 2.06253),
    (3.33843, 5.47434),
    (7.88282, 3.52778),
    (9.77052, 9.16828),
)


@register(
    "yolo_v2",
    task="detection",
    summary="Darknet-19 and one convolution: five boxes a cell, found in one pass",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    published={"num_classes": 20},
    expected_parameters=50_676_061 + 1,
    flops_size=(416, 416),
    tiny={
        "num_classes": 3,
        "width": 0.125,
        "anchors": ((0.5, 0.5), (1.0, 1.0)),
        "backbone_options": {"blocks": (1, 1, 1, 1, 1, 1)},
    },
    published_results=(
        PublishedResult("mAP", "76.8 % at 67 fps", "VOC 2007 test, 416×416, Titan X", "paper"),
        PublishedResult("mAP", "78.6 % at 40 fps", "VOC 2007 test, 544×544, Titan X", "paper"),
        PublishedResult("mAP", "73.4 %", "VOC 2012 test", "paper"),
        PublishedResult("mAP@[.5, .95]", "21.6 %", "COCO test-dev", "paper"),
    ),
    notes=(
        "The file of the authors' code holds 50,676,061 numbers; one more here counts the images "
        "seen, for the pull towards the priors. Anchors are in cells of 32 pixels: `zoo data DATA "
        "--anchors 5` finds those of your data."
    ),
)
def yolo_v2(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    anchors: Sequence[Sequence[float]] = VOC_ANCHORS,
    passthrough: str = "code",
    detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.45,
    class_agnostic: bool = False,
    warm_up: int = 12_800,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "yolo_v2",
) -> YoloV2Detector:
    """YOLOv2.

    Args:
        num_classes: classes of objects; there is no background.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on all channels.
        anchors: (width, height) of the priors in cells of 32 pixels.
        passthrough: `"code"`: the 26×26 map through 64 1×1 filters before it is laid beside the
            last; `"paper"`: all of its 512 channels.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression.
        class_agnostic: whether boxes suppress those of other classes too.
        warm_up: images during which predictions are drawn to their priors.
        backbone_options: what else Darknet-19 takes.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `cells` (B, H / 32, W / 32, A·(5 + num_classes)); its answers
        are `boxes`, `labels`, `scores` and `num_detections`, see `zoo.tasks.detection_task`.

    Raises:
        InputError: anchors without area, an unknown form, or numbers out of range.
    """
    check_detector(name, num_classes, detections=detections, width=width)
    priors = check_anchors(name, anchors)
    images, outputs = yolo_v2_graph(
        input_shape,
        len(priors) * (5 + num_classes),
        norm=norm,
        width=width,
        passthrough=passthrough,
        backbone_options=backbone_options,
        name=name,
    )
    settings = YoloV2Settings(
        priors,
        score_threshold=score_threshold,
        nms_iou=nms_iou,
        detections=detections,
        class_agnostic=class_agnostic,
        warm_up=warm_up,
    )
    return YoloV2Detector(images, outputs, settings=settings, name=name)


def yolo_v2_graph(
    input_shape: tuple[int | None, int | None, int],
    filters: int,
    *,
    norm: str | None,
    width: float,
    passthrough: str,
    backbone_options: Mapping[str, Any] | None,
    name: str,
    initializer: str | keras.initializers.Initializer = "glorot_uniform",
) -> tuple[Any, dict[str, Any]]:
    """The images, and the output `cells` (B, H / 32, W / 32, filters).

    Args:
        filters: of the last convolution.
        name: of the model, for messages.
        initializer: of the last convolution.

    Raises:
        InputError: an unknown passthrough.
    """
    if passthrough not in ("code", "paper"):
        raise InputError(f'{name}: passthrough is "code" or "paper", not {passthrough!r}.')
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
