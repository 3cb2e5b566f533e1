"""Masks that label files embed as PNG images."""

from __future__ import annotations

import base64
import binascii
import io
import zlib

import numpy as np
from PIL import Image

from training.data.sources.reading.image_headers import MAX_PIXELS

_MAX_BYTES = 64_000_000


def read_png_mask(text: object, compressed: bool = False) -> np.ndarray:
    """Returns the (h, w) bool mask of a PNG image: pixels that are neither transparent nor black.

    Args:
        text: base64 of the PNG file or, if `compressed`, of the file compressed by zlib; a prefix
            `data:image/png;base64,` is allowed.

    Raises:
        ValueError: if the text is not such a mask.
    """
    if not isinstance(text, str):
        raise ValueError("a mask that is not text.")
    try:
        encoded = "".join(text.rpartition(",")[2].split())
        content = base64.b64decode(encoded, validate=True)
        if compressed:
            content = zlib.decompressobj().decompress(content, _MAX_BYTES)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"a mask of more than {MAX_PIXELS} pixels.")
            return _mask_of(image)
    except (binascii.Error, zlib.error) as error:
        raise ValueError("a mask that is not base64.") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("a mask that is not a PNG image.") from error


def _mask_of(image: Image.Image) -> np.ndarray:
    """Returns the mask; if that is empty, all opaque pixels."""
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"))
        opaque = pixels[..., 3] > 0
        colored = opaque & pixels[..., :3].any(axis=2)
        return colored if colored.any() else opaque
    values = np.asarray(image)
    return np.max(values, axis=2) > 0 if values.ndim == 3 else values > 0
