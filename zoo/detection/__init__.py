"""Detection: boxes and what is in them, one architecture a file."""

from zoo.detection.darknet import darknet
from zoo.detection.fast_rcnn import fast_rcnn
from zoo.detection.faster_rcnn import faster_rcnn
from zoo.detection.rcnn import rcnn
from zoo.detection.sliding_window import sliding_window
from zoo.detection.svd import truncated_svd
from zoo.detection.yolo9000 import yolo9000
from zoo.detection.yolo_v1 import yolo_v1
from zoo.detection.yolo_v2 import yolo_v2

__all__ = [
    "darknet",
    "fast_rcnn",
    "faster_rcnn",
    "rcnn",
    "sliding_window",
    "truncated_svd",
    "yolo9000",
    "yolo_v1",
    "yolo_v2",
]
