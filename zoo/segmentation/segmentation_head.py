"""Last layers that the segmentation networks share."""

from __future__ import annotations

from keras import layers

from zoo.layers.padding import CropLike
from zoo.layers.resize import ResizeLike


def segmentation_output(x, images=None, name: str = "segmentation"):
    """Returns logits as float32, cropped to the height and width of `images` if these are given."""
    if images is not None:
        x = CropLike(name=f"{name}_crop")([x, images])
    return layers.Activation("linear", dtype="float32", name=name)(x)


def resized_logits(x, num_classes: int, padded, images, name: str = "segmentation"):
    """Returns logits (B, H, W, num_classes) float32 of the images from a feature map (B, h, w, C).

    `padded` are the images as the network takes them, padded to its stride.
    """
    x = layers.Conv2D(num_classes, 1, name=f"{name}_logits")(x)
    x = ResizeLike("bilinear_aligned", name=f"{name}_resize")([x, padded])
    return segmentation_output(x, images, name)
