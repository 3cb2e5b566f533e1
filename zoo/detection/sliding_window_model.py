"""Sliding windows: a classifier asked about every placement at every scale, as convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.cards import Paper
from zoo.detection.argument_checks import check_detector
from zoo.detection.window_detector import WindowDetector, Windows
from zoo.errors import InputError
from zoo.layers.image_pyramid import ImagePyramid
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.registry import register

STRIDE = 8
MARGIN = 16
"""A window has MARGIN + STRIDE·k pixels a side, k the cells that the last convolution covers."""
SCALES = (1.41, 1.0, 0.71, 0.5, 0.35, 0.25, 0.18)
RATIOS = (0.5, 1.0, 2.0)


@register(
    "sliding_window",
    task="detection",
    summary="a window classifier over a pyramid, all placements in one convolutional pass",
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
        "window": 24,
        "filters": (8, 8, 16),
        "hidden": 32,
        "dropout": 0.0,
        "scales": (1.0, 0.5),
        "samples": 32,
        "detections": 20,
    },
    notes=(
        "The plain method that the other detectors are measured against, with the dense evaluation "
        "of OverFeat, not its network: the paper's boxes are regressed, here a box is its window. "
        "Objects are found as well as a window of some scale and one of three shapes fits them."
    ),
)
def sliding_window(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    window: int = 64,
    filters: Sequence[int] = (32, 64, 128),
    hidden: int = 256,
    dropout: float = 0.5,
    scales: Sequence[float] = SCALES,
    ratios: Sequence[float] = RATIOS,
    samples: int = 128,
    hard: bool = True,
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    name: str = "sliding_window",
) -> WindowDetector:
    """The sliding-window detector.

    Convolutions 5×5, 3×3 and 3×3, each pooled by 2, a layer that covers what is left of a window,
    and classes. No convolution is padded, so a placement's scores are those of its window by
    itself; placements are 8 pixels of a level apart.

    Args:
        num_classes: classes of objects; the background is not counted.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`. Group normalisation looks at
            the whole level, so a window by itself then has other scores.
        window: side in pixels, 24, 32, 40, …
        filters: of the three convolutions.
        hidden: units that see a whole window.
        dropout: behind them.
        scales: of the levels; an object of window / scale pixels fits at that scale.
        ratios: height over width of the objects looked for; the level is squeezed to match.
        samples: placements an image to learn from, at most a quarter of which show an object.
        hard: learn from the background that looks most like an object.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to a map of logits (B, h, w, num_classes + 1) of each level, named
        `level0`, …, background first; its answers are `boxes`, `labels`, `scores` and
        `num_detections`, see `zoo.tasks.detection_task`.

    Raises:
        InputError: a window of another size, or numbers out of range.
    """
    check_detector(name, num_classes, hidden=hidden, detections=detections, samples=samples)
    if window < MARGIN + STRIDE or (window - MARGIN) % STRIDE:
        raise InputError(f"{name}: window is 24, 32, 40, … pixels, not {window}.")
    if len(filters) != 3 or min(filters) < 1:
        raise InputError(f"{name}: filters are three numbers above 0, not {list(filters)}.")
    if not scales or not ratios or min(*scales, *ratios) <= 0:
        raise InputError(f"{name}: scales and ratios are numbers above 0.")
    factors = tuple(
        (scale * ratio**-0.5, scale * ratio**0.5) for scale in scales for ratio in ratios
    )
    images = keras.Input(input_shape, name="image")
    levels = ImagePyramid(factors, least=window, name="pyramid")(images)
    steps = _window_classifier(num_classes, window, filters, hidden, dropout, norm)
    scores = []
    for x in levels:
        for step in steps:
            x = step(x)
        scores.append(x)
    windows = Windows(
        window,
        STRIDE,
        factors,
        samples=samples,
        hard=hard,
        detections=detections,
        nms_iou=nms_iou,
        score_threshold=score_threshold,
    )
    return WindowDetector(images, scores, windows=windows, name=name)


def _window_classifier(
    num_classes: int,
    window: int,
    filters: Sequence[int],
    hidden: int,
    dropout: float,
    norm: str | None,
) -> list[Any]:
    """Layers that take every level in turn."""
    plain = not normalizes(norm)
    cells = (window - MARGIN) // STRIDE
    steps: list[Any] = [PixelNormalization(name="normalize")]
    for number, (maps, side) in enumerate(zip(filters, (5, 3, 3), strict=True), start=1):
        steps += [
            layers.Conv2D(maps, side, use_bias=plain, name=f"conv{number}"),
            normalization(norm, f"conv{number}_norm"),
            layers.Activation("relu", name=f"conv{number}_act"),
            layers.MaxPooling2D(2, name=f"pool{number}"),
        ]
    return [
        *steps,
        layers.Conv2D(hidden, cells, use_bias=plain, name="whole"),
        normalization(norm, "whole_norm"),
        layers.Activation("relu", name="whole_act"),
        layers.Dropout(dropout, name="drop"),
        layers.Conv2D(num_classes + 1, 1, name="logits"),
        layers.Activation("linear", dtype="float32", name="scores"),
    ]
