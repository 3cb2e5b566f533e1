"""Detection: boxes and their classes, one architecture per file."""

from zoo.detection.fast_rcnn_model import fast_rcnn
from zoo.detection.faster_rcnn_model import faster_rcnn
from zoo.detection.rcnn_model import rcnn
from zoo.detection.sliding_window_model import sliding_window
from zoo.detection.two_stage.svd import truncated_svd
from zoo.detection.yolo9000_model import yolo9000
from zoo.detection.yolo_v1_model import yolo_v1
from zoo.detection.yolo_v2_model import yolo_v2

__all__ = [
    "fast_rcnn",
    "faster_rcnn",
    "rcnn",
    "sliding_window",
    "truncated_svd",
    "yolo9000",
    "yolo_v1",
    "yolo_v2",
]
