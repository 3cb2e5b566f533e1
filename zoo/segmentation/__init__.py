"""Semantic segmentation: one architecture per file, named as in its paper."""

from zoo.segmentation.deconvnet_model import deconvnet
from zoo.segmentation.deeplab_v3_plus_model import deeplab_v3_plus
from zoo.segmentation.dilated_context_model import dilated_context
from zoo.segmentation.dilated_frontend_model import dilated_frontend
from zoo.segmentation.encoder_decoder_model import encoder_decoder
from zoo.segmentation.farabet_multiscale_model import farabet_multiscale
from zoo.segmentation.fc_densenet_model import fc_densenet56, fc_densenet67, fc_densenet103
from zoo.segmentation.fcn_model import fcn8s, fcn16s, fcn32s
from zoo.segmentation.full_resolution_model import full_resolution
from zoo.segmentation.patch_classifier_model import patch_classifier
from zoo.segmentation.pspnet_model import pspnet
from zoo.segmentation.recurrent_cnn_model import recurrent_cnn
from zoo.segmentation.segnet_model import segnet, segnet_basic
from zoo.segmentation.unet_model import unet

__all__ = [
    "deconvnet",
    "deeplab_v3_plus",
    "dilated_context",
    "dilated_frontend",
    "encoder_decoder",
    "farabet_multiscale",
    "fc_densenet56",
    "fc_densenet67",
    "fc_densenet103",
    "fcn8s",
    "fcn16s",
    "fcn32s",
    "full_resolution",
    "patch_classifier",
    "pspnet",
    "recurrent_cnn",
    "segnet",
    "segnet_basic",
    "unet",
]
