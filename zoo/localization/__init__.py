"""One object per image: its class and box, or the keypoints of one person."""

from zoo.localization.localizer_model import localizer
from zoo.localization.pose_cascade_model import pose_cascade
from zoo.localization.pose_classifier_model import pose_classifier, set_regression
from zoo.localization.pose_regressor_model import pose_regressor
from zoo.localization.single_object_model import SingleObjectModel

__all__ = [
    "SingleObjectModel",
    "localizer",
    "pose_cascade",
    "pose_classifier",
    "pose_regressor",
    "set_regression",
]
