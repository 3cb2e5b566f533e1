"""Layers and functions on tensors, one subject per file."""

from zoo.layers.atrous_pyramid import aspp
from zoo.layers.bilinear import BilinearInitializer
from zoo.layers.border import PadBorder, PadToGrid
from zoo.layers.conv_blocks import conv_block, separable_conv_block
from zoo.layers.densenet_blocks import dense_block, transition_down, transition_up
from zoo.layers.laplacian_pyramid import LaplacianPyramid
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.normalization_policy import NORM_POLICIES, normalization
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.layers.pooling_pyramids import (
    AdaptivePooling,
    SpatialPyramidPooling,
    pyramid_pooling,
)
from zoo.layers.resize import ResizeLike, ResizeTo
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.layers.unpooling import BedOfNailsUnpooling, BilinearUnpooling, NearestUnpooling

__all__ = [
    "AdaptivePooling",
    "BedOfNailsUnpooling",
    "BilinearInitializer",
    "BilinearUnpooling",
    "CropLike",
    "LaplacianPyramid",
    "MaxPoolWithIndices",
    "MaxUnpool",
    "NORM_POLICIES",
    "NearestUnpooling",
    "PadBorder",
    "PadToGrid",
    "PadToMultiple",
    "PixelNormalization",
    "ResizeLike",
    "ResizeTo",
    "SpatialPyramidPooling",
    "TransposedConv2D",
    "aspp",
    "conv_block",
    "dense_block",
    "normalization",
    "pyramid_pooling",
    "separable_conv_block",
    "transition_down",
    "transition_up",
]
