"""One object a picture: its class and box, or the joints of its one person."""

from zoo.localization.localizer import localizer
from zoo.localization.model import SingleObjectModel
from zoo.localization.pose_cascade import pose_cascade
from zoo.localization.pose_classifier import pose_classifier, set_regression
from zoo.localization.pose_regressor import pose_regressor

__all__ = [
    "SingleObjectModel",
    "localizer",
    "pose_cascade",
    "pose_classifier",
    "pose_regressor",
    "set_regression",
]
