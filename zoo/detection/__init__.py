"""Detection: boxes and what is in them, one architecture a file."""

from zoo.detection.faster_rcnn import faster_rcnn
from zoo.detection.yolo_v2 import yolo_v2

__all__ = ["faster_rcnn", "yolo_v2"]
