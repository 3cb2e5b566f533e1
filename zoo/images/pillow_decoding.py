"""Headers of all image files, and decoding of the formats that the graph lacks, by Pillow."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from zoo.images.exif_orientation import EXCHANGED, FLIPPED, MIRRORED
from zoo.images.file_headers import MAX_PIXELS

_ANIMATED = ("GIF", "WEBP", "PNG", "TIFF", "AVIF")
"""Formats whose further frames are not views or previews of the same image."""

_HIGHEST = 2**16 - 1


class PixelValueError(ValueError):
    """Pixel values without a rule; the message is the problem and the remedy, without the file."""


class ImageHeader(NamedTuple):
    """Header of an image file.

    Attributes:
        width: width of the upright image.
        height: height of the upright image.
        orientation: EXIF orientation, 1 if the image is stored upright.
        animated: whether the file has further frames or pages, which are not read.
    """

    width: int
    height: int
    orientation: int = 1
    animated: bool = False

    @property
    def exchanged(self) -> bool:
        """Whether the image is stored with height and width exchanged."""
        return self.orientation in EXCHANGED


def read_header(file: str | os.PathLike[str] | BinaryIO) -> ImageHeader:
    """Reads an image file's header; raises OSError or ValueError if invalid or too large."""
    try:
        with Image.open(file) as image:
            orientation = orientation_of(image)
            width, height = image.size[::-1] if orientation in EXCHANGED else image.size
            animated = image.format in _ANIMATED and getattr(image, "is_animated", False)
            return ImageHeader(width, height, orientation, animated)
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {MAX_PIXELS} pixels.") from error
    except (SyntaxError, OverflowError, TypeError, KeyError, IndexError) as error:
        raise ValueError(str(error)) from error


def orientation_of(image: Image.Image) -> int:
    """Returns the EXIF orientation of an opened image, 1 to 8; Pillow turns TIFF files itself."""
    data = image.info.get("exif")
    if image.format == "TIFF" or not data:
        return 1
    exif = Image.Exif()
    # Not `getexif`, which also finds orientations in other places than the graph's decoder does.
    exif.load(data)
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_pixels(file: str | os.PathLike[str] | BinaryIO) -> np.ndarray:
    """Returns the upright (H, W, 3) uint8 RGB image by the rules of `zoo.images`.

    Raises:
        OSError: if the file cannot be read or is damaged.
        ValueError: if it is damaged or too large.
        PixelValueError: if there is no rule for its values.
    """
    try:
        with Image.open(file) as image:
            orientation = orientation_of(image)
            pixels = _as_rgb(image)
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {MAX_PIXELS} pixels.") from error
    except (SyntaxError, OverflowError, TypeError, KeyError, IndexError) as error:
        raise ValueError(str(error)) from error
    if orientation in EXCHANGED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in MIRRORED:
        pixels = pixels[:, ::-1]
    if orientation in FLIPPED:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _as_rgb(image: Image.Image) -> np.ndarray:
    """Returns (H, W, 3) uint8 RGB of the first frame as stored."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return _grey(_high_byte(np.asarray(image)))
    if image.mode == "F":
        return _grey(_from_floats(np.asarray(image)))
    return np.asarray(image.convert("RGB"))


def _high_byte(values: np.ndarray) -> np.ndarray:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or high > _HIGHEST:
        raise PixelValueError(
            f"values from {low} to {high}, not 0 to {_HIGHEST}; save it with 8 or 16 bits."
        )
    return (values >> 8).astype(np.uint8)


def _from_floats(values: np.ndarray) -> np.ndarray:
    low, high = values.min(initial=0), values.max(initial=0)
    if not (low >= 0 and high <= 1):
        raise PixelValueError(
            f"floating-point values from {low:g} to {high:g}, not 0 to 1; scale them, or save it "
            "with 8 or 16 bits."
        )
    return np.round(values * 255).astype(np.uint8)


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=-1)
