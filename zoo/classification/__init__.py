"""Image classification."""

from zoo.classification.activation_maps import activation_model, has_activation_maps
from zoo.classification.backbone_classifiers import (
    darknet19,
    densenet121,
    mobilenet_v2,
    resnet50,
    resnet101,
    vgg16,
    xception,
)
from zoo.classification.sppnet_model import sppnet

__all__ = [
    "activation_model",
    "darknet19",
    "densenet121",
    "has_activation_maps",
    "mobilenet_v2",
    "resnet50",
    "resnet101",
    "sppnet",
    "vgg16",
    "xception",
]
