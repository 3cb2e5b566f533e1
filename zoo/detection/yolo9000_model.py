"""YOLO9000: thousands of classes in a tree, most learned without boxes (CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.yolo.word_tree import ROOT, WordTree
from zoo.detection.yolo.yolo9000_loss import TreeDetector, TreeSettings
from zoo.detection.yolo.yolo_v2_loss import check_anchors
from zoo.detection.yolo_v2_model import yolo_v2_graph
from zoo.errors import InputError
from zoo.registry import register

ANCHORS = ((0.77871, 1.14074), (3.00525, 4.31277), (9.22725, 9.61974))


@register(
    "yolo9000",
    task="detection",
    summary="YOLOv2 whose classes are a tree, learned from images with boxes and without",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    published={"num_classes": 9418},
    # YOLOv2's for VOC, whose last layer has 1024·125 weights and 125 biases, with this one's.
    expected_parameters=50_676_061 - 1025 * 125 + 1025 * 28_269 + 1,
    flops_size=(544, 544),
    tiny={
        "num_classes": 3,
        "parents": (-1, 0),
        "width": 0.125,
        "anchors": ((0.5, 0.5), (1.0, 1.0)),
        "backbone_options": {"blocks": (1, 1, 1, 1, 1, 1)},
    },
    published_results=(
        PublishedResult("mAP", "19.7 %", "ImageNet detection val", "paper"),
        PublishedResult("mAP", "16.0 %", "its 156 classes without boxes in training", "paper"),
    ),
    notes=(
        "Images with a class but no box teach it, too: the target `label` tells their class. "
        "Without a tree its classes are siblings. `zoo.darknet.tree_files.read_tree` reads one."
    ),
)
def yolo9000(
    *,
    num_classes: int = 9418,
    parents: Sequence[int] = (),
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    anchors: Sequence[Sequence[float]] = ANCHORS,
    passthrough: str = "code",
    descent: float = 0.5,
    detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.45,
    class_agnostic: bool = True,
    warm_up: int = 12_800,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "yolo9000",
) -> TreeDetector:
    """YOLO9000.

    Args:
        num_classes: nodes of the tree, each of which is a class, inner ones included.
        parents: the number of each class's parent, −1 for a root; classes behind the last one are
            roots.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on all channels.
        anchors: (width, height) of the priors in cells of 32 pixels.
        passthrough: as of `yolo_v2`.
        descent: lowest probability of a class to answer it instead of the one above it.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer, objectness times the class's probability.
        nms_iou: of the final suppression.
        class_agnostic: whether boxes suppress those of other classes too; a class and its parent
            are two, so that without it one thing may be answered twice.
        warm_up: images during which predictions are drawn to their priors.
        backbone_options: what else Darknet-19 takes.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `cells` (B, H / 32, W / 32, A·(5 + num_classes)); its answers
        are `boxes`, `labels`, `scores` and `num_detections`, see `zoo.tasks.detection_task`.

    Raises:
        InputError: a tree with cycles or orphans, or as `yolo_v2`.
    """
    check_detector(name, num_classes, detections=detections, width=width)
    if len(parents) > num_classes:
        raise InputError(
            f"{name}: {len(parents)} parents for {num_classes} classes; every node is a class."
        )
    if not 0 <= descent <= 1:
        raise InputError(f"{name}: descent is a probability, not {descent}.")
    tree = WordTree([*parents, *[ROOT] * (num_classes - len(parents))])
    settings = TreeSettings(
        check_anchors(name, anchors),
        descent=descent,
        score_threshold=score_threshold,
        nms_iou=nms_iou,
        detections=detections,
        class_agnostic=class_agnostic,
        warm_up=warm_up,
    )
    images, outputs = yolo_v2_graph(
        input_shape,
        len(settings.anchors) * (5 + num_classes),
        norm=norm,
        width=width,
        passthrough=passthrough,
        backbone_options=backbone_options,
        name=name,
        # Siblings begin alike: the box to teach a class without a place is then chosen by its
        # objectness, not because its scores happen to favour that class.
        initializer=keras.initializers.RandomNormal(stddev=0.01),
    )
    return TreeDetector(images, outputs, settings=settings, tree=tree, name=name)
