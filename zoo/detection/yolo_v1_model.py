"""YOLOv1: a grid of 7×7 cells, each with two boxes and a class (Redmon et al., CVPR 2016)."""

from __future__ import annotations

import keras
from keras import layers

from zoo.argument_checks import check_above_zero, check_dropout, check_minimum
from zoo.backbones.backbone import normalize_to_fraction, scaled
from zoo.backbones.darknet import convolution
from zoo.cards import Paper, PublishedResult
from zoo.detection.postprocessing import Selection
from zoo.detection.yolo.yolo_v1_detector import InputSize, YoloV1Detector, stretch
from zoo.detection.yolo.yolo_v1_loss import YoloV1Settings
from zoo.errors import InputError
from zoo.registry import register

STRIDE = 64


@register(
    "yolo_v1",
    task="detection",
    summary="one pass over the whole image: two boxes and a class per cell of a 7×7 grid",
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
        "input_side": 128,
        "repeats": (1, 1),
        "hidden_units": 64,
        "dropout": 0.0,
        # Without it training diverges at the contract tests' learning rate.
        "norm": "batch",
    },
    published_results=(
        PublishedResult("mAP", "63.4 % at 45 fps", "VOC 2007 test, Titan X", "paper"),
        PublishedResult("mAP", "57.9 %", "VOC 2012 test", "paper"),
    ),
    notes=(
        "Predicts one class per cell, so it misses small objects close together. Images of other "
        "sizes are stretched to 448×448 inside the graph. The authors' public configuration is "
        "another network; zoo.darknet.read_cfg builds it from its .cfg file."
    ),
)
def yolo_v1(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "none",
    width: float = 1.0,
    input_side: int = 448,
    boxes_per_cell: int = 2,
    repeats: tuple[int, int] = (4, 2),
    hidden_units: int = 4096,
    dropout: float = 0.5,
    max_detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.5,
    class_agnostic: bool = False,
    name: str = "yolo_v1",
) -> YoloV1Detector:
    """Builds YOLOv1.

    Args:
        num_classes: number of classes; there is no background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"` (paper).
        width: width multiplier of the convolutions.
        input_side: side in pixels of the square that images are stretched to, a multiple of 64,
            the pixels per cell.
        boxes_per_cell: boxes predicted per cell.
        repeats: number of pairs of a 1×1 and a 3×3 convolution in the two long stages.
        hidden_units: units of the dense layer.
        dropout: dropout rate after the dense layer, in [0, 1).
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression, in [0, 1].
        class_agnostic: whether boxes suppress boxes of other classes too.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `cells` (B, S·S·(num_classes +
        5·boxes_per_cell)), where S is `input_side` / 64, and `input_size` (B, 2); its predictions
        are those of `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, max_detections=max_detections,
        boxes_per_cell=boxes_per_cell, hidden_units=hidden_units,
    )  # fmt: skip
    check_above_zero(width=width)
    check_dropout(dropout)
    if input_side < STRIDE or input_side % STRIDE:
        raise InputError(f"input_side must be a multiple of {STRIDE} pixels, not {input_side}.")
    if len(repeats) != 2 or min(repeats) < 0:
        raise InputError(f"repeats must be two numbers of at least 0, not {repeats}.")
    settings = YoloV1Settings(input_side // STRIDE, boxes_per_cell, num_classes)
    images = keras.Input(input_shape, name="image")
    x = stretch(normalize_to_fraction(images), input_side, input_side)
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
    # Channels first, the order of Darknet's maps, so that its dense weights can be read.
    x = layers.Flatten(name="flat")(layers.Permute((3, 1, 2), name="channels_first")(x))
    x = layers.LeakyReLU(0.1, name="dense1_leaky")(_dense(x, hidden_units, "he_normal", "dense1"))
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    x = _dense(x, settings.outputs, "glorot_uniform", "dense2")
    outputs = {
        "cells": layers.Activation("linear", dtype="float32", name="cells")(x),
        "input_size": InputSize(name="input_size")(images),
    }
    selection = Selection(score_threshold, nms_iou, max_detections, class_agnostic)
    return YoloV1Detector(images, outputs, settings=settings, selection=selection, name=name)


def _stages(first: int, second: int) -> tuple[tuple[tuple[int, int, int], ...], ...]:
    """Filters, kernel size and stride of the convolutions; four stages are followed by pooling."""
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
