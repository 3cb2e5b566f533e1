"""What R-CNN learns after the gradient steps: SVMs and box regressions on stored features.

Girshick, Donahue, Darrell, Malik, *Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation*, CVPR 2014.
"""

from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_regression import regress_boxes
from training.stages.rcnn.rcnn_stages import solve_rcnn
from training.stages.rcnn.rcnn_svms import Svm, mine

__all__ = ["FeatureFiles", "Svm", "mine", "regress_boxes", "solve_rcnn"]
