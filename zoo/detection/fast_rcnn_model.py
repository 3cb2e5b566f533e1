"""Fast R-CNN: the image's maps once, every proposal pooled from them (Girshick, ICCV 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.backbones import build_backbone, find_backbone
from zoo.cards import Paper, PublishedResult
from zoo.detection.argument_checks import check_detector
from zoo.detection.two_stage.box_heads import dense_head
from zoo.detection.two_stage.proposal_detector import ProposalDetector, freeze_convolutions
from zoo.detection.two_stage.roi_heads import BoxBranch, Pooler, RegionSampling
from zoo.errors import InputError
from zoo.layers.padding import PadToMultiple
from zoo.registry import register

LEVEL = 4


@register(
    "fast_rcnn",
    task="detection",
    summary="proposals pooled from one map of the image, classes and boxes learned together",
    paper=Paper("R. Girshick", "Fast R-CNN", "ICCV", 2015),
    published={"num_classes": 20, "frozen": 4},
    expected_parameters=134_690_729,
    flops_size=(600, 1000),
    inputs=("image", "proposals"),
    tiny={
        "num_classes": 3,
        "norm": "group",
        "width": 0.125,
        "units": 32,
        "dropout": 0.0,
        "regions": 16,
        "proposals": 24,
        "detections": 20,
        "backbone_options": {"blocks": (1, 1, 1, 1, 1), "use_bias": False},
    },
    published_results=(
        PublishedResult("mAP", "66.9 %", "VOC 2007 test, VGG16", "paper"),
        PublishedResult("mAP", "66.6 %", "VOC 2007 test, VGG16, dense layers cut by SVD", "paper"),
        PublishedResult("mAP", "70.0 %", "VOC 2007 test, VGG16, trained on 07+12", "paper"),
        PublishedResult("mAP", "65.7 %", "VOC 2012 test, VGG16", "paper"),
        PublishedResult(
            "time", "0.32 s an image", "VGG16, K40 GPU, without the proposals", "paper"
        ),
        PublishedResult("time", "0.22 s an image", "the same with SVD", "paper"),
    ),
    notes=(
        "Takes proposals beside the image, by default those of Selective Search, so its files do "
        "too. Labels are counted without a background. The paper trains from conv3_1 up: frozen=4, "
        "which is for pretrained weights. zoo.truncated_svd makes the dense layers smaller."
    ),
)
def fast_rcnn(
    *,
    num_classes: int = 20,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str = "vgg16",
    norm: str | None = None,
    width: float = 1.0,
    units: int = 4096,
    dropout: float = 0.5,
    pool: str = "pool",
    frozen: int = 0,
    regions: int = 64,
    proposals: int = 2000,
    detections: int = 100,
    score_threshold: float = 0.05,
    nms_iou: float = 0.3,
    svd_ranks: Sequence[int] = (),
    backbone_options: Mapping[str, Any] | None = None,
    name: str = "fast_rcnn",
) -> ProposalDetector:
    """Fast R-CNN.

    Args:
        num_classes: classes of objects; the background is not counted.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        backbone: a name of `zoo.backbones`; regions are pooled from its map of stride 16.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`; default the backbone's own,
            none for VGG16 and batch for others.
        width: factor on the backbone's channels.
        units: of the two dense layers.
        dropout: behind each of them.
        pool: `"pool"` for the paper's RoIPool, `"align"` for RoIAlign.
        frozen: first convolutions of the backbone that are not trained.
        regions: an image, to train the head on; a quarter of them show an object.
        proposals: of an image that answers look at, the first ones given.
        detections: most boxes of an answer.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression, by class.
        svd_ranks: of the two dense layers, each then in two parts, see `two_stage.svd`; the
            paper's are (1024, 256).
        backbone_options: what else the backbone takes, such as `{"weights": "imagenet"}`.
        name: of the model.

    Returns:
        A model from `{"image": (B, H, W, C), "proposals": (B, P, 4)}` to the map `p4` and the
        proposals; its answers are `boxes`, `labels`, `scores` and `num_detections`, see
        `zoo.tasks.detection_task`.

    Raises:
        InputError: an unknown backbone or option, or numbers out of range.
    """
    check_detector(
        name, num_classes, detections=detections, width=width, units=units, regions=regions,
        proposals=proposals,
    )  # fmt: skip
    if pool not in ("pool", "align"):
        raise InputError(f"{name}: pool is 'pool' or 'align', not {pool!r}.")
    if LEVEL not in find_backbone(backbone).levels:
        raise InputError(f"{name}: backbone {backbone} has no map of stride 16.")
    images = keras.Input(input_shape, name="image")
    x = PadToMultiple(16, mode="zero", name="pad")(images)
    norm = norm or ("none" if backbone == "vgg16" else "batch")
    options = backbone_options or {}
    features = build_backbone(backbone, x, norm=norm, width=width, **options)[LEVEL]
    head = dense_head(
        features.shape[-1],
        num_classes,
        units=units,
        dropout=dropout,
        ranks=tuple(svd_ranks),
    )
    model = ProposalDetector(
        images,
        {LEVEL: features},
        sampling=RegionSampling(regions, background_iou=0.1),
        box=BoxBranch(
            Pooler(7, pool),
            head,
            score_threshold=score_threshold,
            nms_iou=nms_iou,
            detections=detections,
        ),
        limit=proposals,
        name=name,
    )
    freeze_convolutions(model, frozen)
    return model
