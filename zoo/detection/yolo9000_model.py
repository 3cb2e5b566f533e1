"""YOLO9000: YOLOv2 with a tree of classes (Redmon & Farhadi, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.argument_checks import check_above_zero, check_minimum
from zoo.cards import Paper, PublishedResult
from zoo.detection.postprocessing import Selection
from zoo.detection.yolo.word_tree import ROOT, WordTree
from zoo.detection.yolo.yolo9000_detector import Yolo9000Detector, Yolo9000Settings
from zoo.detection.yolo.yolo_v2_loss import check_priors
from zoo.detection.yolo_v2_model import yolo_v2_graph
from zoo.errors import InputError
from zoo.registry import register

PRIORS = ((0.77871, 1.14074), (3.00525, 4.31277), (9.22725, 9.61974))


@register(
    "yolo9000",
    task="detection",
    summary="YOLOv2 with a tree of classes, trained on images with and without boxes",
    paper=Paper("J. Redmon, A. Farhadi", "YOLO9000: Better, Faster, Stronger", "CVPR", 2017),
    published={"num_classes": 9418},
    # YOLOv2 for VOC, with this last layer in place of one of 1024·125 weights and 125 biases.
    expected_parameters=50_676_061 - 1025 * 125 + 1025 * 28_269 + 1,
    flops_size=(544, 544),
    tiny={
        "num_classes": 3,
        "parents": (-1, 0),
        "width": 0.125,
        "anchor_priors": ((0.5, 0.5), (1.0, 1.0)),
        "backbone_options": {"blocks": (1, 1, 1, 1, 1, 1)},
    },
    published_results=(
        PublishedResult("mAP", "19.7 %", "ImageNet detection val", "paper"),
        PublishedResult(
            "mAP", "16.0 %", "ImageNet detection val, 156 classes without boxes", "paper"
        ),
    ),
    notes=(
        "Also trains on images with a class and no boxes, given by the target `label`. Without a "
        "tree all classes are siblings; `zoo.darknet.tree_files.read_tree` reads a .tree file."
    ),
    joint_targets=("label",),
)
def yolo9000(
    *,
    num_classes: int = 9418,
    parents: Sequence[int] | None = None,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    anchor_priors: Sequence[Sequence[float]] = PRIORS,
    passthrough: str = "code",
    descent_threshold: float = 0.5,
    max_detections: int = 100,
    score_threshold: float = 0.005,
    nms_iou: float = 0.45,
    class_agnostic: bool = True,
    prior_warmup_images: int = 12_800,
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "yolo9000",
) -> Yolo9000Detector:
    """Builds YOLO9000.

    Args:
        num_classes: number of nodes of the tree, each of which is a class.
        parents: class index of each class's parent, −1 for a root; classes after the last one are
            roots, all of them for None.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the convolutions.
        anchor_priors: (width, height) of the anchor priors in cells of 32 pixels.
        passthrough: `"code"` or `"paper"`, see `yolo_v2`.
        descent_threshold: minimum probability of a class to be predicted instead of its parent.
        max_detections: maximum number of detections per image.
        score_threshold: minimum score of a detection, objectness times class probability.
        nms_iou: IoU threshold of the final non-maximum suppression, in [0, 1].
        class_agnostic: whether boxes suppress boxes of other classes too, such as a class and its
            parent on the same object.
        prior_warmup_images: number of training images for which predictions are pulled to their
            priors.
        backbone_options: further arguments of the backbone, Darknet-19; None for its defaults.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `cells` (B, H / 32, W / 32, A·(5 +
        num_classes)); its predictions are those of `zoo.tasks.detection_task`.

    Raises:
        InputError: if the tree has a cycle, or an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, max_detections=max_detections)
    check_above_zero(width=width)
    parents = list(parents or ())
    if len(parents) > num_classes:
        raise InputError(
            f"parents must have at most {num_classes} values, one per class, not {len(parents)}."
        )
    if not 0 <= descent_threshold <= 1:
        raise InputError(f"descent_threshold must be in [0, 1], not {descent_threshold}.")
    tree = WordTree([*parents, *[ROOT] * (num_classes - len(parents))])
    settings = Yolo9000Settings(
        check_priors(anchor_priors),
        prior_warmup_images=prior_warmup_images,
        descent_threshold=descent_threshold,
    )
    images, outputs = yolo_v2_graph(
        input_shape,
        len(settings.anchor_priors) * (5 + num_classes),
        norm=norm,
        width=width,
        passthrough=passthrough,
        backbone_options=backbone_options,
        # Siblings start with equal scores, so that the objectness selects the prediction that a
        # class without a box is assigned to.
        initializer=keras.initializers.RandomNormal(stddev=0.01),
    )
    return Yolo9000Detector(
        images,
        outputs,
        settings=settings,
        selection=Selection(score_threshold, nms_iou, max_detections, class_agnostic),
        tree=tree,
        name=name,
    )
