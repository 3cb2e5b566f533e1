"""Every reader gets the same pixels of a file: the graph, Pillow, and exported files."""

import io
import itertools

import numpy as np
import pytest
import tensorflow as tf
from image_files_made import by_pillow, encoded, exif, smooth_image, truncated
from PIL import Image, ImageOps

from zoo.images.exif_orientation import exif_orientation
from zoo.images.file_headers import OTHER, encoded_size, format_of
from zoo.images.graph_decoding import decode_upright
from zoo.images.image_decoding import decode_image, upright_size
from zoo.images.pillow_decoding import PixelValueError, read_header, read_pixels

IMAGE = smooth_image()
LOSSY = 12  # of 255: two decoders of JPEG round and interpolate differently

_SPEC = [tf.TensorSpec((), tf.string)]
_SIZE = tf.function(
    lambda contents: upright_size(contents, exif_orientation(contents)), _SPEC, autograph=False
)
_FORMAT = tf.function(format_of, _SPEC, autograph=False)
_ORIENTATION = tf.function(exif_orientation, _SPEC, autograph=False)
_ANY = tf.function(decode_image, _SPEC, autograph=False)
_IN_GRAPH = tf.function(decode_upright, _SPEC, autograph=False)


def read(contents):
    """Pixels of a file by all readers that know it, which must agree with each other."""
    header = read_header(io.BytesIO(contents))
    pixels = _ANY(contents).numpy()
    assert pixels.shape == (header.height, header.width, 3)
    assert _SIZE(contents).numpy().tolist() == [header.height, header.width]
    by_other = read_pixels(io.BytesIO(contents))
    assert np.abs(pixels.astype(int) - by_other).max() <= LOSSY
    if int(_FORMAT(contents)) != OTHER:
        np.testing.assert_array_equal(_IN_GRAPH(contents), pixels)
    return pixels


def palette_with_alpha():
    return encoded(Image.fromarray(IMAGE).convert("P"), "PNG", transparency=5)


def transparent(kind, **options):
    image = np.dstack([IMAGE, np.full(IMAGE.shape[:2], 100, np.uint8)])
    image[:9, :9, 3] = 0
    return encoded(image, kind, **options)


KINDS = {
    "progressive JPEG": (encoded(IMAGE, "JPEG", progressive=True), True),
    "grey JPEG": (encoded(IMAGE, "JPEG", "L"), True),
    "CMYK JPEG": (encoded(IMAGE, "JPEG", "CMYK", quality=95), True),
    "PNG": (encoded(IMAGE, "PNG"), True),
    "palette PNG": (encoded(IMAGE, "PNG", "P"), True),
    "palette PNG with alpha": (palette_with_alpha(), True),
    "PNG of 1 bit": (encoded(IMAGE, "PNG", "1"), True),
    "PNG with alpha": (transparent("PNG"), True),
    "grey PNG with alpha": (encoded(IMAGE, "PNG", "LA"), True),
    "GIF": (encoded(IMAGE, "GIF"), True),
    "BMP": (encoded(IMAGE, "BMP"), True),
    "BMP with alpha": (encoded(IMAGE, "BMP", "RGBA"), True),
    "palette BMP": (encoded(IMAGE, "BMP", "P"), True),
    "grey BMP": (encoded(IMAGE, "BMP", "L"), True),
    "BMP of 1 bit": (encoded(IMAGE, "BMP", "1"), False),
    "WebP": (encoded(IMAGE, "WEBP"), True),
    "lossless WebP": (encoded(IMAGE, "WEBP", lossless=True), True),
    "WebP with alpha": (transparent("WEBP", lossless=True, exact=True), True),
    "TIFF": (encoded(IMAGE, "TIFF"), False),
    "compressed CMYK TIFF": (encoded(IMAGE, "TIFF", "CMYK", compression="tiff_lzw"), False),
    "AVIF": (encoded(IMAGE, "AVIF"), False),
    "PPM": (encoded(IMAGE, "PPM"), False),
}


def test_kinds_of_files():
    for kind, (contents, in_graph) in KINDS.items():
        assert (int(_FORMAT(contents)) != OTHER) == in_graph, kind
        difference = np.abs(read(contents).astype(int) - by_pillow(contents))
        assert difference.max() <= LOSSY, kind


def test_orientations():
    for kind, orientation in itertools.product(("JPEG", "PNG", "WEBP", "TIFF", "AVIF"), range(10)):
        contents = encoded(IMAGE, kind, exif=exif(orientation, orientation % 2 == 1), quality=95)
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(contents))).convert("RGB")
        difference = np.abs(read(contents).astype(int) - np.asarray(expected))
        assert difference.max() <= LOSSY, (kind, orientation)
        header = read_header(io.BytesIO(contents))
        # Pillow turns TIFF files itself.
        valid = orientation if orientation in range(1, 9) and kind != "TIFF" else 1
        assert header.orientation == valid, (kind, orientation)


def test_exif_after_other_segments():
    plain = encoded(IMAGE, "JPEG", quality=95)
    data = exif(6)
    segment = b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data
    comment = b"\xff\xfe\x00\x09comment" + b"\xff\xe2\x00\x06ICC_"
    for start in (plain[:2] + comment, plain[:20] + comment, plain[:2]):
        rest = plain[2:] if len(start) < 20 or start[2:4] != b"\xff\xe0" else plain[20:]
        contents = start + segment + rest
        assert int(_ORIENTATION(contents)) == 6
        assert read(contents).shape == (46, 30, 3)


def damaged_exif():
    data = bytearray(exif(6))
    for position in range(6, len(data), 5):
        changed = data.copy()
        changed[position] ^= 0xFF
        yield bytes(changed)
    yield bytes(data[:16])
    yield b"Exif\0\0"


def test_damaged_exif_does_not_refuse_the_image():
    for data in damaged_exif():
        contents = encoded(IMAGE, "JPEG", exif=data)
        assert _ANY(contents).shape in ((30, 46, 3), (46, 30, 3))


def test_16_bits_are_read_by_their_high_byte(tmp_path):
    values = (IMAGE.astype(np.uint16) << 8) + 77
    grey = read(encoded(values[..., 0], "PNG"))
    np.testing.assert_array_equal(grey, np.repeat(IMAGE[..., :1], 3, -1))
    np.testing.assert_array_equal(read(encoded(values[..., 0], "TIFF")), grey)
    contents = tf.io.encode_png(values).numpy()
    np.testing.assert_array_equal(read(contents), IMAGE)
    whole = Image.fromarray(values[..., 0].astype(np.int32))
    np.testing.assert_array_equal(read_pixels(io.BytesIO(encoded(whole, "TIFF"))), grey)


def test_floats_are_intensities_up_to_1():
    contents = encoded(Image.fromarray(IMAGE[..., 0].astype(np.float32) / 255), "TIFF")
    np.testing.assert_array_equal(read(contents), np.repeat(IMAGE[..., :1], 3, -1))
    for values, message in (
        (IMAGE[..., 0].astype(np.float32), r"floating-point values from .* not 0 to 1; scale"),
        (np.full((4, 5), np.nan, np.float32), "from nan to nan"),
        (np.full((4, 5), -1, np.int32), "values from -1 to 0, not 0 to 65535; save it"),
    ):
        with pytest.raises(PixelValueError, match=message):
            read_pixels(io.BytesIO(encoded(Image.fromarray(values), "TIFF")))


def test_the_first_of_several_frames():
    frames = [Image.fromarray(IMAGE), Image.fromarray(255 - IMAGE)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
        contents = file.getvalue()
        assert read_header(io.BytesIO(contents)).animated, kind
        assert np.abs(read(contents).astype(int) - by_pillow(contents)).max() <= LOSSY, kind
        assert not read_header(io.BytesIO(encoded(IMAGE, kind))).animated, kind


def test_truncated_files_are_refused():
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"):
        with pytest.raises(tf.errors.OpError):
            _ANY(truncated(encoded(IMAGE, kind)))


def test_sizes_are_stated_in_headers():
    for kind in ("WEBP", "JPEG"):
        for options in ({}, {"exif": exif(1)}, {"lossless": True}):
            contents = encoded(IMAGE, kind, **options)
            assert [int(side) for side in encoded_size(tf.constant(contents))] == [30, 46]
