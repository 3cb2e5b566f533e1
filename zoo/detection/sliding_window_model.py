"""Sliding windows: a window classifier at every position and scale, as convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.cards import Paper
from zoo.detection.postprocessing import Selection
from zoo.detection.window_detector import WindowDetector, Windows
from zoo.errors import InputError
from zoo.layers.image_pyramid import ImagePyramid
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.registry import register

STRIDE = 8
MARGIN = 16
"""A window has MARGIN + STRIDE·k pixels per side, k the kernel size of the last convolution."""
SCALES = (1.41, 1.0, 0.71, 0.5, 0.35, 0.25, 0.18)
RATIOS = (0.5, 1.0, 2.0)


@register(
    "sliding_window",
    task="detection",
    summary="a window classifier over an image pyramid, all positions in one convolutional pass",
    paper=Paper(
        "P. Sermanet, D. Eigen, X. Zhang, M. Mathieu, R. Fergus, Y. LeCun",
        "OverFeat: Integrated Recognition, Localization and Detection using Convolutional Networks",
        "ICLR",
        2014,
    ),
    published={"num_classes": 20},
    flops_size=(375, 500),
    tiny={
        "num_classes": 3,
        "window_size": 24,
        "conv_filters": (8, 8, 16),
        "hidden_units": 32,
        "dropout": 0.0,
        "scales": (1.0, 0.5),
        "windows_per_image": 32,
        "max_detections": 20,
    },
    notes=(
        "A baseline for the other detectors with OverFeat's dense evaluation, but not its network: "
        "boxes are the windows, while the paper regresses them. Localization is limited by the "
        "nearest window: some scale and one of three shapes."
    ),
)
def sliding_window(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    window_size: int = 64,
    conv_filters: Sequence[int] = (32, 64, 128),
    hidden_units: int = 256,
    dropout: float = 0.5,
    scales: Sequence[float] = SCALES,
    aspect_ratios: Sequence[float] = RATIOS,
    windows_per_image: int = 128,
    hard_negatives: bool = True,
    max_detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    name: str = "sliding_window",
) -> WindowDetector:
    """Builds the sliding-window detector.

    Convolutions 5×5, 3×3 and 3×3, each followed by 2×2 pooling, a layer over the rest of the
    window, and the classes. Convolutions are not padded, so that the scores of a window do not
    depend on its surroundings. Windows are 8 pixels of a level apart.

    Args:
        num_classes: number of classes, without background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`; with
            `"group"` the scores of a window depend on the whole level.
        window_size: side of the window in pixels, 24, 32, 40, …
        conv_filters: filters of the three convolutions.
        hidden_units: units of the layer over the whole window.
        dropout: dropout rate after the layer over the whole window, in [0, 1).
        scales: scales of the levels; a window at a scale fits objects of `window_size` / scale.
        aspect_ratios: height / width of the windows; levels are squeezed to match.
        windows_per_image: windows sampled per image for the loss, at most a quarter of them
            positive.
        hard_negatives: whether the negatives of highest score are sampled.
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression per class, in [0, 1].
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to logits (B, h, w, num_classes + 1) of each
        level, named `level0`, …, background first; its predictions are those of
        `zoo.tasks.detection_task`.

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(
        1, num_classes=num_classes, hidden_units=hidden_units, max_detections=max_detections,
        windows_per_image=windows_per_image,
    )  # fmt: skip
    if window_size < MARGIN + STRIDE or (window_size - MARGIN) % STRIDE:
        raise InputError(f"window_size must be 24, 32, 40, … pixels, not {window_size}.")
    if len(conv_filters) != 3 or min(conv_filters) < 1:
        raise InputError(f"conv_filters must be three numbers above 0, not {conv_filters!r}.")
    if not scales or not aspect_ratios or min(*scales, *aspect_ratios) <= 0:
        raise InputError(
            f"scales and aspect_ratios must be numbers above 0, not {scales!r} and "
            f"{aspect_ratios!r}."
        )
    factors = tuple(
        (scale * ratio**-0.5, scale * ratio**0.5) for scale in scales for ratio in aspect_ratios
    )
    images = keras.Input(input_shape, name="image")
    levels = ImagePyramid(factors, min_size=window_size, name="pyramid")(images)
    steps = _window_classifier(num_classes, window_size, conv_filters, hidden_units, dropout, norm)
    scores = []
    for x in levels:
        for step in steps:
            x = step(x)
        scores.append(x)
    windows = Windows(
        window_size, STRIDE, factors, samples=windows_per_image, hard_negatives=hard_negatives
    )
    selection = Selection(score_threshold, nms_iou, max_detections)
    return WindowDetector(images, scores, windows=windows, selection=selection, name=name)


def _window_classifier(
    num_classes: int,
    window_size: int,
    filters: Sequence[int],
    hidden_units: int,
    dropout: float,
    norm: str | None,
) -> list[Any]:
    """Layers of the classifier, shared by all levels."""
    plain = not normalizes(norm)
    cells = (window_size - MARGIN) // STRIDE
    steps: list[Any] = [PixelNormalization(name="normalize")]
    for number, (count, size) in enumerate(zip(filters, (5, 3, 3), strict=True), start=1):
        steps += [
            layers.Conv2D(count, size, use_bias=plain, name=f"conv{number}"),
            normalization(norm, f"conv{number}_norm"),
            layers.Activation("relu", name=f"conv{number}_act"),
            layers.MaxPooling2D(2, name=f"pool{number}"),
        ]
    return [
        *steps,
        layers.Conv2D(hidden_units, cells, use_bias=plain, name="whole"),
        normalization(norm, "whole_norm"),
        layers.Activation("relu", name="whole_act"),
        layers.Dropout(dropout, name="drop"),
        layers.Conv2D(num_classes + 1, 1, name="logits"),
        layers.Activation("linear", dtype="float32", name="scores"),
    ]
