"""Semantic segmentation: one architecture a file, named as in its paper."""

from zoo.segmentation.deeplab_v3_plus import deeplab_v3_plus
from zoo.segmentation.encoder_decoder import encoder_decoder
from zoo.segmentation.fc_densenet import fc_densenet56, fc_densenet67, fc_densenet103
from zoo.segmentation.full_resolution import full_resolution
from zoo.segmentation.pspnet import pspnet
from zoo.segmentation.unet import unet

__all__ = [
    "deeplab_v3_plus",
    "encoder_decoder",
    "fc_densenet56",
    "fc_densenet67",
    "fc_densenet103",
    "full_resolution",
    "pspnet",
    "unet",
]
