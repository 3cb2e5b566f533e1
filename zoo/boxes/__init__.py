"""Geometry of boxes on tensors: formats, overlap, coding, anchors, matching, sampling."""

from zoo.boxes.anchors import AnchorGenerator, inside
from zoo.boxes.box_formats import areas, clip, cxcywh_to_xyxy, scale, xyxy_to_cxcywh
from zoo.boxes.coder import decode, encode
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import crowd_iou, generalized_iou, iou, paired_iou
from zoo.boxes.sampler import balanced_sample, most_positives

__all__ = [
    "AnchorGenerator",
    "Matcher",
    "areas",
    "balanced_sample",
    "clip",
    "crowd_iou",
    "cxcywh_to_xyxy",
    "decode",
    "encode",
    "generalized_iou",
    "inside",
    "iou",
    "most_positives",
    "paired_iou",
    "scale",
    "xyxy_to_cxcywh",
]
