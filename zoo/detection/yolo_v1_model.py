"""YOLOv1: the image as 7×7 cells, each with two boxes and a class (Redmon et al., CVPR 2016)."""

from __future__ import annotations

import keras
from keras import layers

from zoo.backbones.darknet import convolution, normalize
from zoo.backbones.feature_contract import scaled
from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.yolo.yolo_v1_loss import InputSize, YoloV1Detector, YoloV1Settings, stretched
from zoo.errors import InputError
from zoo.registry import register

PIXELS_A_CELL = 64


@register(
    "yolo_v1",
    task="detection",
    summary="the whole image at once: each of 7×7 cells tells a class and two boxes",
    paper=Paper(
        "J. Redmon, S. Divvala, R. Girshick, A. Farhadi",
        "You Only Look Once: Unified, Real-Time Object Detection",
        "CVPR",
        2016,
    ),
    published={"num_classes": 20, "input_shape": (448, 448, 3)},
    expected_parameters=271_703_550,
    flops_size=(448, 448),
    tiny={
        "num_classes": 3,
        "width": 0.125,
        "side": 128,
        "repeats": (1, 1),
        "dense": 64,
        "dropout": 0.0,
        # Without it the contract's steps, ten times as long as usual, diverge.
        "norm": "batch",
    },
    published_results=(
        PublishedResult("mAP", "63.4 % at 45 fps", "VOC 2007 test, Titan X", "paper"),
        PublishedResult("mAP", "57.9 %", "VOC 2012 test", "paper"),
    ),
    notes=(
        "Finds at most one class a cell, so small things close together are missed. Images of "
        "other sizes are stretched to 448×448 inside the graph. The authors' public configuration "
        "is another network: its .cfg file can be read."
    ),
)
def yolo_v1(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "none",
    width: float = 1.0,
    side: int = 448,
    boxes: int = 2,
    repeats: tuple[int, int] = (4, 2),
    dense: int = 4096,
    dropout: float = 0.5,
    detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.5,
    class_agnostic: bool = False,
    name: str = "yolo_v1",
) -> YoloV1Detector:
    """YOLOv1.

    Args:
        num_classes: classes of objects; there is no background.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`, as in the paper.
        width: factor on all channels of convolutions.
        side: of the square that images are stretched to, a multiple of 64 pixels, which are a
            cell.
        boxes: boxes a cell.
        repeats: how often the pairs of a 1×1 and a 3×3 convolution come in the two long stages.
        dense: width of the dense layer.
        dropout: share of its values dropped in training.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression.
        class_agnostic: whether boxes suppress those of other classes too.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `cells` (B, S·S·(num_classes + 5·boxes)), S = side / 64, and
        `canvas` (B, 2); its answers are `boxes`, `labels`, `scores` and `num_detections`, see
        `zoo.tasks.detection_task`.

    Raises:
        InputError: numbers out of range.
    """
    check_detector(name, num_classes, detections=detections, width=width, boxes=boxes, dense=dense)
    if side < PIXELS_A_CELL or side % PIXELS_A_CELL:
        raise InputError(f"{name}: side is a multiple of {PIXELS_A_CELL} pixels, not {side}.")
    if len(repeats) != 2 or min(repeats) < 0 or not 0 <= dropout < 1:
        raise InputError(
            f"{name}: repeats are two numbers from 0 on and dropout is in [0, 1), not {repeats} "
            f"and {dropout}."
        )
    settings = YoloV1Settings(
        side // PIXELS_A_CELL,
        boxes,
        num_classes,
        score_threshold=score_threshold,
        nms_iou=nms_iou,
        detections=detections,
        class_agnostic=class_agnostic,
    )
    images = keras.Input(input_shape, name="image")
    x = stretched(normalize(images), side, side)
    number = 0
    stages = _stages(*repeats)
    for index, stage in enumerate(stages):
        for filters, kernel_size, stride in stage:
            number += 1
            x = convolution(
                x, scaled(filters, width), kernel_size, norm, f"conv{number}", stride=stride
            )
        if index < 4:
            x = layers.MaxPooling2D(2, name=f"pool{index + 1}")(x)
    # Channels first, as Darknet lays its maps out, so that its dense weights mean the same.
    x = layers.Flatten(name="flat")(layers.Permute((3, 1, 2), name="channels_first")(x))
    x = layers.LeakyReLU(0.1, name="dense1_leaky")(_dense(x, dense, "he_normal", "dense1"))
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    x = _dense(x, settings.outputs, "glorot_uniform", "dense2")
    outputs = {
        "cells": layers.Activation("linear", dtype="float32", name="cells")(x),
        "canvas": InputSize(name="canvas")(images),
    }
    return YoloV1Detector(images, outputs, settings=settings, name=name)


def _stages(first: int, second: int) -> tuple[tuple[tuple[int, int, int], ...], ...]:
    """Filters, kernel size and stride of the convolutions; a pool follows the first four stages."""
    pair, wide = ((256, 1, 1), (512, 3, 1)), ((512, 1, 1), (1024, 3, 1))
    return (
        ((64, 7, 2),),
        ((192, 3, 1),),
        ((128, 1, 1), (256, 3, 1), *pair),
        (*first * pair, *wide),
        (*second * wide, (1024, 3, 1), (1024, 3, 2)),
        ((1024, 3, 1), (1024, 3, 1)),
    )


def _dense(x, units: int, initializer: str, name: str):
    return layers.Dense(units, kernel_initializer=initializer, name=name)(x)
