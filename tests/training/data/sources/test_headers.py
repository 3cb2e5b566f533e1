"""Sizes come from headers; a file that claims to be huge is not decoded."""

import io
import struct
import zlib

import pytest
import tensorflow as tf
from PIL import Image

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.header_checks import header_defect
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.image_headers import read_header
from zoo.images.file_headers import encoded_size


def encoded(ending, size=(7, 5)):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 3, 3)).save(file, ending)
    return file.getvalue()


def png_claiming(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def claiming(kind, width, height):
    """Returns a small file with this size in its header."""
    if kind == "PNG":
        return png_claiming(width, height)
    content = bytearray(encoded(kind))
    if kind == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(">HH", height, width)
    elif kind == "GIF":
        content[6:10] = struct.pack("<HH", width, height)
    else:
        content[18:26] = struct.pack("<ii", width, -height)
    return bytes(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_sizes_in_headers(kind, tmp_path):
    height, width = encoded_size(tf.constant(encoded(kind)))
    assert (int(height), int(width)) == (5, 7)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(kind))
    assert read_header(path) == (7, 5, 1, False)
    assert open_image(tf.constant(str(path))).decode().shape == (5, 7, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_bombs_are_refused_by_their_headers(kind, tmp_path):
    path = tmp_path / f"bomb.{kind.lower()}"
    path.write_bytes(claiming(kind, 40_000, 30_000))
    assert path.stat().st_size < 2000
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"40000×30000.*make it smaller"):
        tf.function(lambda name: open_image(name).decode())(tf.constant(str(path)))
    with pytest.raises(ValueError, match="more than 178956970 pixels"):
        read_header(path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"BM", b"no image at all"])
def test_other_files_have_no_size(content, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert [int(side) for side in encoded_size(tf.constant(content))] == [0, 0]
    with pytest.raises((OSError, ValueError)):
        read_header(path)
    with pytest.raises(tf.errors.InvalidArgumentError):
        open_image(tf.constant(str(path))).decode()


def test_labels_of_the_image_as_stored_name_exif(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    path = tmp_path / "a.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)

    def labeled(width, height):
        image = AnnotatedImage(str(path), "x.json", "image 1", width, height)
        return header_defect(image)

    assert labeled(4, 6) is None and labeled(0, 0) is None
    assert "labeled as 6×4, as it is stored, but its EXIF orientation" in str(labeled(6, 4))
    assert "stated size 7×4" in str(labeled(7, 4))


def test_exif_rotation_is_read(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_header(tmp_path / "a.jpg") == (4, 6, 6, False)
