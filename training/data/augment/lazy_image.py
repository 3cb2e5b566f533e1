"""Images that are decoded in the part and at the resolution that the model input needs.

A JPEG file can be decoded at a half, a quarter or an eighth of its size, and in part: both take a
fraction of the time. The visible part of an image is known before it is decoded. All pixels are
those of the upright image, see `zoo.images`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from training.data.augment import matrices
from zoo.images.exif_orientation import stored_window, turn_upright
from zoo.images.file_headers import is_jpeg
from zoo.images.graph_decoding import to_grey
from zoo.images.image_decoding import decode_image

RATIOS = (1, 2, 4, 8)
"""Reductions that the JPEG decoder supports."""


@dataclasses.dataclass(frozen=True)
class LazyImage:
    """An image of known size that is not decoded yet.

    Attributes:
        height: height of the whole upright image in pixels, int32 scalar.
        width: width of the whole upright image in pixels, int32 scalar.
        contents: contents of the file, a scalar string; unused with `pixels`.
        pixels: image reduced by `ratio`, (ceil(H / ratio), ceil(W / ratio), C) uint8, or None.
        ratio: reduction of `pixels`, int32 scalar out of `RATIOS`.
        channels: 3 for color, 1 for grey.
        orientation: EXIF orientation of the file, int32 scalar; unused with `pixels`.
    """

    height: tf.Tensor
    width: tf.Tensor
    contents: tf.Tensor | None = None
    pixels: tf.Tensor | None = None
    ratio: tf.Tensor | int = 1
    channels: int = 3
    orientation: tf.Tensor | int = 1

    def decode(self) -> tf.Tensor:
        """Returns the whole image, (H, W, C) uint8, or `pixels` if there are any."""
        pixels = self.pixels
        if pixels is None:
            pixels = decode_image(self.contents, tf.convert_to_tensor(self.orientation))
        return with_channels(pixels, self.channels)

    def reduced(self, largest_scale: tf.Tensor) -> LazyImage:
        """Returns the image at the smallest size that scales up to (2,) x, y do not enlarge."""
        if self.pixels is not None:
            return self
        ratio = self._ratio(largest_scale)
        high, wide = _sides(self.height, ratio), _sides(self.width, ratio)
        pixels = self._decoded(ratio, tf.stack([0, 0, high, wide]))
        pixels = with_channels(pixels, self.channels)
        return dataclasses.replace(self, contents=None, pixels=pixels, ratio=ratio)

    def visible(
        self, matrix: tf.Tensor, size: tuple[int, int], whole: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes the part that a target of `size` shows, or the `whole` image.

        Returns (h, w, C) uint8 pixels and the (3, 3) float64 matrix from them to the target;
        `matrix` maps the whole image to it.
        """
        scale = tf.sqrt(tf.reduce_sum(matrix[:2, :2] ** 2, axis=0))
        ratio = self._ratio(scale) if self.pixels is None else tf.cast(self.ratio, tf.int32)
        sides = tf.stack([_sides(self.width, ratio), _sides(self.height, ratio)])
        zoom = scale * tf.cast(ratio, tf.float64)
        if whole:
            low, high = tf.zeros_like(sides), sides
        else:
            low, high = _window(matrix, size, ratio, sides, zoom)
        window = tf.stack([low[1], low[0], high[1] - low[1], high[0] - low[0]])
        if self.pixels is None:
            pixels = self._decoded(ratio, window)
        else:
            pixels = self.pixels[low[1] : high[1], low[0] : high[0]]
        back = matrices.compose(
            matrices.translation(low[0], low[1]), matrices.scaling(tf.cast(ratio, tf.float64))
        )
        pixels = tf.ensure_shape(with_channels(pixels, self.channels), (None, None, self.channels))
        return pixels, tf.linalg.matmul(matrix, back)

    def _ratio(self, scale: tf.Tensor) -> tf.Tensor:
        """Returns the largest reduction after which `scale` still does not enlarge the image."""
        largest = tf.reduce_max(scale) * (1.0 - 1e-9)
        ratios = tf.constant(RATIOS[1:])
        fits = tf.cast(ratios, tf.float64) * largest <= 1.0
        # The cells of a reduction begin at the corner that is stored first.
        divides = tf.stack([self.height, self.width])[:, None] % ratios == 0
        fits &= (self.orientation == 1) | tf.reduce_all(divides, axis=0)
        ratio = 2 ** tf.reduce_sum(tf.cast(fits, tf.int32))
        return tf.where(is_jpeg(self.contents), ratio, 1)

    def _decoded(self, ratio: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
        """Returns the part `window` = [y, x, height, width] of the reduced image."""
        orientation = tf.convert_to_tensor(self.orientation)
        sides = tf.stack([_sides(self.height, ratio), _sides(self.width, ratio)])
        # A part of a truncated file could be decoded, but the whole file is refused.
        in_part = is_jpeg(self.contents) & _ends_as_jpeg(self.contents)
        area = tf.where(in_part, window, tf.concat([[0, 0], sides], axis=0))
        stored = stored_window(area, sides, orientation)

        def jpeg(reduction: int) -> tf.Tensor:
            return tf.image.decode_and_crop_jpeg(self.contents, stored, channels=3, ratio=reduction)

        def other() -> tf.Tensor:
            return decode_image(self.contents, tf.constant(1))

        branches = [lambda r=ratio: jpeg(r) for ratio in RATIOS]
        index = tf.reduce_sum(tf.cast(tf.constant(RATIOS[1:]) <= ratio, tf.int32))
        index = tf.where(is_jpeg(self.contents), index, len(RATIOS))
        pixels = tf.ensure_shape(tf.switch_case(index, [*branches, other]), (None, None, 3))
        pixels = turn_upright(pixels, orientation)
        y, x, high, wide = tf.unstack(window - tf.concat([area[:2], [0, 0]], axis=0))
        return pixels[y : y + high, x : x + wide]


def _sides(side: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
    """Returns the length of a side of the reduced image."""
    return (side + ratio - 1) // ratio


def _window(
    matrix: tf.Tensor, size: tuple[int, int], ratio: tf.Tensor, sides: tf.Tensor, zoom: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the (x, y) int32 corners of the part of the reduced image that a target needs.

    `sides` (width, height) and `zoom` (x, y) are those of the reduced image.
    """
    height, width = size
    corners = tf.constant(
        [[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], tf.float64
    )
    points = tf.linalg.matmul(corners, tf.linalg.inv(matrix), transpose_b=True)[:, :2]
    points /= tf.cast(ratio, tf.float64)
    # The anti-aliasing kernel is as wide as the reduction is strong.
    margin = tf.math.ceil(2.0 / tf.minimum(zoom, 1.0)) + 2.0
    limit = tf.cast(sides, tf.float64)
    low = tf.floor(tf.reduce_min(points, axis=0) - margin)
    high = tf.math.ceil(tf.reduce_max(points, axis=0) + margin)
    low = tf.clip_by_value(low, 0.0, limit - 1.0)
    high = tf.clip_by_value(high, low + 1.0, limit)
    return tf.cast(low, tf.int32), tf.cast(high, tf.int32)


def _ends_as_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Returns whether the last bytes of a file are the end of a JPEG image."""
    last = tf.maximum(tf.strings.length(contents) - 2, 0)
    return tf.strings.substr(contents, last, 2) == b"\xff\xd9"


def with_channels(image: Any, channels: int) -> Any:
    """Converts an RGB image (H, W, 3) or a `LazyImage` to 3 or 1 (grey) channels."""
    if isinstance(image, LazyImage):
        return dataclasses.replace(image, channels=channels)
    if channels == 1 and image.shape[-1] == 3:
        return to_grey(image)
    return image
