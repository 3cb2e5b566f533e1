"""The transform from images to the model input size, and back to pixels of the images."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

from keras import ops

from zoo.argument_checks import check_choice
from zoo.layers.resample import pad_bottom_right, resize_antialiased
from zoo.layers.resize import resize

RESIZE_RULES = ("letterbox", "stretch", "native")
"""Resize rules: letterbox (aspect ratio preserved, padding at the bottom and right), stretch,
native."""


def letterbox_size(height, width, image_size: tuple[int, int]):
    """Returns the size, in whole pixels, of an image scaled with its aspect ratio to fit a size.

    Integer arithmetic, so that every backend and the training pipeline agree to the pixel; `height`
    and `width` are integers or integer tensors.
    """
    if isinstance(height, int) and isinstance(width, int):
        if image_size[0] * width <= image_size[1] * height:
            return image_size[0], max(1, _rounded_ratio(width * image_size[0], height))
        return max(1, _rounded_ratio(height * image_size[1], width)), image_size[1]
    by_height = ops.less_equal(image_size[0] * width, image_size[1] * height)
    new_width = ops.maximum(1, _rounded_ratio(width * image_size[0], height))
    new_height = ops.maximum(1, _rounded_ratio(height * image_size[1], width))
    return (
        ops.where(by_height, image_size[0], new_height),
        ops.where(by_height, new_width, image_size[1]),
    )


def scaled_size(side, scale: float):
    """Returns `side` times `scale` in whole pixels, at least 1; integers or integer tensors."""
    ratio = Fraction(scale).limit_denominator(100)
    scaled = _rounded_ratio(side * ratio.numerator, ratio.denominator)
    return max(1, scaled) if isinstance(scaled, int) else ops.maximum(1, scaled)


def _rounded_ratio(numerator, denominator):
    """numerator / denominator rounded to the nearest integer, ties to even."""
    doubled = 2 * numerator + denominator
    quotient = doubled // (2 * denominator)
    if isinstance(quotient, int):
        return quotient - int(doubled % (2 * denominator) == 0 and quotient % 2 == 1)
    tie = ops.logical_and(ops.equal(doubled % (2 * denominator), 0), ops.equal(quotient % 2, 1))
    return quotient - ops.cast(tie, quotient.dtype)


@dataclasses.dataclass(frozen=True)
class ImageTransform:
    """A transform of images of one size: resized, at the top left, padded at the bottom and right.

    Sizes are integers or scalar tensors; the resized ones are those within the model input.
    """

    height: Any
    width: Any
    resized_height: Any
    resized_width: Any

    def restore_map(self, maps):
        """Returns (B, height, width, C) maps in pixels of the images, resized bilinearly."""
        maps = maps[:, : self.resized_height, : self.resized_width]
        if self.resized_height is self.height and self.resized_width is self.width:
            return maps
        return resize(maps, self.height, self.width)

    def restore_boxes(self, boxes):
        """Returns xyxy boxes (…, 4) in pixels of the images, clipped to them."""
        x, y = self._scale()
        corners = boxes * ops.stack([x, y, x, y])
        height, width = ops.cast(self.height, "float32"), ops.cast(self.width, "float32")
        return ops.clip(corners, 0.0, ops.stack([width, height, width, height]))

    def transform_boxes(self, boxes):
        """Returns xyxy boxes (…, 4) of the images in pixels of the model input."""
        x, y = self._scale()
        return boxes / ops.stack([x, y, x, y])

    def restore_points(self, points):
        """Returns points (…, 2), x and y, in pixels of the images."""
        return points * ops.stack(self._scale())

    def _scale(self):
        height, width = ops.cast(self.height, "float32"), ops.cast(self.width, "float32")
        return (
            width / ops.cast(self.resized_width, "float32"),
            height / ops.cast(self.resized_height, "float32"),
        )


def transform_images(
    images,
    image_size: tuple[int, int] | None,
    resize: str = "letterbox",
    portable: bool = False,
    scale: float = 1.0,
) -> tuple[Any, ImageTransform]:
    """Resizes and pads images to the model input size.

    Args:
        images: (B, H, W, C) pixels in [0, 255], of any dtype; H and W may be unknown in a graph.
        image_size: model input size (H, W); None for the images' own size.
        resize: `"letterbox"` keeps the aspect ratio and pads the bottom and right with zeros,
            `"stretch"` does not keep it, `"native"` does not resize.
        portable: whether to use only operators that LiteRT has.
        scale: factor of the model input size, or of the images' own size.

    Returns:
        The inputs (B, H, W, C) float32 and their `ImageTransform`.
    """
    check_choice("resize", resize, RESIZE_RULES)
    images = ops.cast(images, "float32")
    _, height, width, channels = ops.shape(images)
    if image_size is None or resize == "native":
        if scale == 1:
            return images, ImageTransform(height, width, height, width)
        new_height, new_width = scaled_size(height, scale), scaled_size(width, scale)
        inputs = resize_antialiased(images, new_height, new_width, portable)
        return inputs, ImageTransform(height, width, new_height, new_width)
    image_size = scaled_size(image_size[0], scale), scaled_size(image_size[1], scale)
    if resize == "stretch":
        new_height, new_width = image_size
    else:
        new_height, new_width = letterbox_size(height, width, image_size)
    inputs = resize_antialiased(images, new_height, new_width, portable)
    inputs = pad_bottom_right(inputs, *image_size)
    # LiteRT needs the static shape in loops.
    batch = -1 if images.shape[0] is None else images.shape[0]
    inputs = ops.reshape(inputs, (batch, *image_size, channels))
    return inputs, ImageTransform(height, width, new_height, new_width)
