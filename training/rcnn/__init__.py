"""What R-CNN learns after the gradient steps: SVMs and box regressions on stored features.

Girshick, Donahue, Darrell, Malik, *Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation*, CVPR 2014.
"""

from training.rcnn.features import FeatureFiles
from training.rcnn.regression import regress_boxes
from training.rcnn.stages import solve_rcnn
from training.rcnn.svms import Svm, mine

__all__ = ["FeatureFiles", "Svm", "mine", "regress_boxes", "solve_rcnn"]
