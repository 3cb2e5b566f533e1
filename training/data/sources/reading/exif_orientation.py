"""EXIF orientation: whether viewers display an image rotated from how its pixels are stored.

Training reads pixels as stored; `zoo data` reports an image whose labels fit the rotated display.
"""

from __future__ import annotations

from PIL import ExifTags, Image

_UPRIGHT = (1, 2, 3, 4)


def has_exif_rotation(image: Image.Image) -> bool:
    """Returns whether the EXIF orientation swaps width and height."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) not in _UPRIGHT
