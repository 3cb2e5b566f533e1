"""Geometry of boxes on plain tensors: formats, overlap, coding, anchors, matching, sampling."""

from zoo.boxes.anchors import AnchorGenerator, inside
from zoo.boxes.coder import decode, encode
from zoo.boxes.formats import (
    areas,
    clip,
    cxcywh_to_xywh,
    cxcywh_to_xyxy,
    scale,
    xywh_to_cxcywh,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import (
    complete_iou,
    crowd_iou,
    distance_iou,
    generalized_iou,
    iou,
    paired_iou,
)
from zoo.boxes.sampler import balanced_sample, most_positives

__all__ = [
    "AnchorGenerator",
    "Matcher",
    "areas",
    "balanced_sample",
    "clip",
    "complete_iou",
    "crowd_iou",
    "cxcywh_to_xywh",
    "cxcywh_to_xyxy",
    "decode",
    "distance_iou",
    "encode",
    "generalized_iou",
    "inside",
    "iou",
    "most_positives",
    "paired_iou",
    "scale",
    "xywh_to_cxcywh",
    "xywh_to_xyxy",
    "xyxy_to_cxcywh",
    "xyxy_to_xywh",
]
