"""Instances: boxes with masks or keypoints, one architecture per file."""

from zoo.instances.keypoint_rcnn_model import keypoint_rcnn
from zoo.instances.mask_rcnn_model import mask_rcnn

__all__ = ["keypoint_rcnn", "mask_rcnn"]
