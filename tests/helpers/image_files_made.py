"""Image files of many kinds, encoded by Pillow from the same pixels."""

import io

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def smooth_image(height=30, width=46, seed=0):
    """Returns (H, W, 3) uint8 without symmetry, smooth enough for lossy formats."""
    noise = np.random.default_rng(seed).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def exif(orientation, big_endian=False):
    """Returns EXIF data with tags before and after the orientation."""
    data = Image.Exif()
    data.endian = ">" if big_endian else "<"
    data[0x010F] = "maker of cameras"
    data[ORIENTATION] = orientation
    data[0x0131] = "program"
    return data.tobytes()


def encoded(image, kind, mode=None, **options):
    """Returns the contents of a file: an array or an image, converted to `mode`, as `kind`."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def by_pillow(contents):
    """Returns (H, W, 3) uint8 as Pillow converts a file, as stored."""
    return np.asarray(Image.open(io.BytesIO(contents)).convert("RGB"))


def truncated(contents, part=0.7):
    """Returns the first part of a file."""
    return contents[: int(part * len(contents))]
