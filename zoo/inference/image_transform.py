"""Where an image lies on the canvas a model sees, and the way back to its own pixels."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

from keras import ops

from zoo.errors import InputError
from zoo.layers.resample import pad_bottom_right, resize_antialiased
from zoo.layers.resize import resize

RESIZE_RULES = ("letterbox", "stretch", "native")


def letterbox_size(height, width, canvas: tuple[int, int]):
    """Size of an h×w image scaled to fit the canvas with its aspect ratio, in whole pixels.

    Integer arithmetic, so that every backend and the training pipeline agree to the pixel. Takes
    and gives Python integers or integer tensors.
    """
    if isinstance(height, int) and isinstance(width, int):
        if canvas[0] * width <= canvas[1] * height:
            return canvas[0], max(1, _rounded_ratio(width * canvas[0], height))
        return max(1, _rounded_ratio(height * canvas[1], width)), canvas[1]
    by_height = ops.less_equal(canvas[0] * width, canvas[1] * height)
    new_width = ops.maximum(1, _rounded_ratio(width * canvas[0], height))
    new_height = ops.maximum(1, _rounded_ratio(height * canvas[1], width))
    return ops.where(by_height, canvas[0], new_height), ops.where(by_height, new_width, canvas[1])


def scaled_size(side, scale: float):
    """`side` times `scale` in whole pixels, at least 1; Python integers or integer tensors."""
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
    """Images of one size on a canvas: scaled, at the top left, padded at the bottom and right.

    Attributes:
        height, width: of the images, Python integers or scalar tensors.
        placed_height, placed_width: of the part of the canvas they cover.
    """

    height: Any
    width: Any
    resized_height: Any
    resized_width: Any

    def restore_map(self, maps):
        """(B, canvas H, canvas W, C) float → (B, height, width, C): cut, resized bilinearly."""
        maps = maps[:, : self.resized_height, : self.resized_width]
        if self.resized_height is self.height and self.resized_width is self.width:
            return maps
        return resize(maps, self.height, self.width)

    def restore_boxes(self, boxes):
        """xyxy boxes (…, 4) in canvas pixels → pixels of the image, clipped to it."""
        x, y = self._scale()
        corners = boxes * ops.stack([x, y, x, y])
        height, width = ops.cast(self.height, "float32"), ops.cast(self.width, "float32")
        return ops.clip(corners, 0.0, ops.stack([width, height, width, height]))

    def transform_boxes(self, boxes):
        """xyxy boxes (…, 4) in pixels of the image → canvas pixels."""
        x, y = self._scale()
        return boxes / ops.stack([x, y, x, y])

    def restore_points(self, points):
        """(…, 2) x, y in canvas pixels → pixels of the image."""
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
    """Puts images on the canvas.

    Args:
        images: (B, h, w, C) of any dtype, values 0…255; h and w may be unknown in a graph.
        image_size: canvas height and width; None leaves the images as they are.
        fit: `"fit"` keeps the aspect ratio and pads bottom and right with zeros, `"stretch"` does
            not, `"native"` does not resize.
        portable: only operators that LiteRT has.
        scale: factor on the canvas, or on the images where there is none.

    Returns:
        The canvas (B, H, W, C) float32 and its `Frame`.

    Raises:
        InputError: unknown `fit`.
    """
    if resize not in RESIZE_RULES:
        raise InputError(f"Unknown fit {resize!r}; there are {', '.join(RESIZE_RULES)}.")
    images = ops.cast(images, "float32")
    _, height, width, channels = ops.shape(images)
    if image_size is None or resize == "native":
        if scale == 1:
            return images, ImageTransform(height, width, height, width)
        new_height, new_width = scaled_size(height, scale), scaled_size(width, scale)
        canvas = resize_antialiased(images, new_height, new_width, portable)
        return canvas, ImageTransform(height, width, new_height, new_width)
    image_size = scaled_size(image_size[0], scale), scaled_size(image_size[1], scale)
    if resize == "stretch":
        new_height, new_width = image_size
    else:
        new_height, new_width = letterbox_size(height, width, image_size)
    canvas = resize_antialiased(images, new_height, new_width, portable)
    canvas = pad_bottom_right(canvas, *image_size)
    # What is known of the shape is stated: LiteRT needs it in loops.
    batch = -1 if images.shape[0] is None else images.shape[0]
    canvas = ops.reshape(canvas, (batch, *image_size, channels))
    return canvas, ImageTransform(height, width, new_height, new_width)
