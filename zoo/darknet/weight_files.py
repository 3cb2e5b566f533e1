"""Darknet's `.weights` files: a header, then the values of all layers without names.

Little-endian: int32 major, minor, revision; number of training images, uint64 from version 0.2 and
uint32 before; float32 values, layer by layer in the order of the `.cfg` file. Layers have no
markers, so a file that does not end with the last layer belongs to another network.

Darknet divides by √v + 1e-6 in batch normalization on CPUs and by √(v + 1e-5) on GPUs, where
weights are trained; the models here do the latter.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

import keras
import numpy as np

from zoo.darknet.weight_layout import Part, parts_of
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing
from zoo.model import Model

_VERSION = struct.Struct("<3i")


@dataclasses.dataclass(frozen=True)
class Header:
    """Header of a file: the version of the format, and the number of training images."""

    major: int = 0
    minor: int = 2
    revision: int = 0
    seen: int = 0

    @property
    def counter(self) -> struct.Struct:
        """Format of `seen`."""
        late = 10 * self.major + self.minor >= 2 and self.major < 1000 and self.minor < 1000
        return struct.Struct("<Q" if late else "<I")

    @property
    def transposed(self) -> bool:
        """Whether weights of connected layers are stored input by input."""
        return self.major > 1000 or self.minor > 1000

    @property
    def size(self) -> int:
        """Size of the header in bytes."""
        return _VERSION.size + self.counter.size

    def to_bytes(self) -> bytes:
        """Returns the header as bytes."""
        version = _VERSION.pack(self.major, self.minor, self.revision)
        return version + self.counter.pack(self.seen)


def read_weights(model: Model, path: str | os.PathLike[str], layers: int | None = None) -> Header:
    """Reads a file into a model, which is unchanged in case of an error.

    Args:
        model: `darknet19`, `yolo_v1`, `yolo_v2`, `yolo9000`, or a model of `read_cfg`.
        path: path of the file.
        layers: number of layers in a file of the first layers only, such as those of a classifier
            that a detector starts from; None for all. Other layers are unchanged.

    Returns:
        The header of the file.

    Raises:
        InputError: if the file cannot be read, has an unknown version or another size than the
            model, or if the format has no place for some of the model's weights.
    """
    path = Path(path)
    parts = _first(parts_of(model), layers)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}.") from error
    header = _header(path, data)
    _check_size(path, header, parts, len(data))
    position, values = header.size, []
    for part in parts:
        flat = np.frombuffer(data, "<f4", part.count, position)
        if not np.isfinite(flat).all():
            raise InputError(
                f"{path}: {part.name} of {part.layer.name} are not finite; the file is damaged or "
                "belongs to another network."
            )
        values.append(part.from_file(flat, header.transposed))
        position += 4 * part.count
    for part, value in zip(parts, values, strict=True):
        part.variable.assign(value)
    if hasattr(model, "seen"):
        model.seen.assign(float(header.seen))
    return header


def write_weights(model: Model, path: str | os.PathLike[str], header: Header | None = None) -> None:
    """Writes a model's weights in Darknet's format.

    Args:
        model: a model as of `read_weights`.
        path: path of the file.
        header: header of the file; default version 0.2 with the model's number of training images.

    Raises:
        InputError: if the format has no place for some of the model's weights.
    """
    parts = parts_of(model)
    if header is None:
        seen = float(keras.ops.convert_to_numpy(model.seen)) if hasattr(model, "seen") else 0.0
        header = Header(seen=int(seen))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header.to_bytes())
        for part in parts:
            value = np.asarray(keras.ops.convert_to_numpy(part.variable), "float32")
            part.to_file(value, header.transposed).astype("<f4").tofile(file)


def file_size(model: Model, header: Header | None = None) -> int:
    """Returns the size of a model's file in bytes."""
    return (header or Header()).size + 4 * sum(part.count for part in parts_of(model))


def _header(path: Path, data: bytes) -> Header:
    if len(data) >= _VERSION.size:
        header = Header(*_VERSION.unpack_from(data))
        if min(header.major, header.minor, header.revision) < 0 or header.major > 2000:
            raise InputError(
                f"{path}: unknown version {header.major}.{header.minor}.{header.revision}; "
                "the file is not a .weights file of Darknet."
            )
        if len(data) >= header.size:
            (seen,) = header.counter.unpack_from(data, _VERSION.size)
            return dataclasses.replace(header, seen=seen)
    raise InputError(f"{path}: {len(data)} bytes are too few for the header of a .weights file.")


def _first(parts: list[Part], layers: int | None) -> list[Part]:
    names = list(dict.fromkeys(part.layer.name for part in parts))
    if layers is None:
        return parts
    if not 1 <= layers <= len(names):
        raise InputError(f"layers must be from 1 to {len(names)} for this model, not {layers}.")
    return [part for part in parts if part.layer.name in names[:layers]]


def _check_size(path: Path, header: Header, parts: list[Part], size: int) -> None:
    end = header.size
    for part in parts:
        end += 4 * part.count
        if end > size:
            needed = header.size + 4 * sum(part.count for part in parts)
            raise InputError(
                f"{path}: the file ends within {part.name} of layer {part.layer.name}; the model "
                f"needs {needed} bytes, not {size}. It is truncated or belongs to another network."
            )
    if end < size:
        raise InputError(
            f"{path}: {size - end} bytes are left after the last layer; the model needs {end} "
            f"bytes, not {size}. The file belongs to another network or other classes."
        )
