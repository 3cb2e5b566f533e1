"""Backbones: classification networks without their classifier, one family per file.

`features(x, *, norm, output_stride, width, name)` takes normalized pixels and returns
{level: map}; the level is log2 of the nominal stride.
"""

from zoo.backbones.backbone import Backbone
from zoo.backbones.backbone_registry import BACKBONES, build_backbone, find_backbone, list_backbones

__all__ = ["BACKBONES", "Backbone", "build_backbone", "find_backbone", "list_backbones"]
