"""Semantic segmentation: one architecture a file, named as in its paper."""

from zoo.segmentation.unet import unet

__all__ = ["unet"]
