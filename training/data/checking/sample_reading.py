"""Going through the records of a split, many at a time, in order, past unreadable ones."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.image_headers import read_header
from training.data.sources.source import Source
from zoo.errors import InputError

LABELS = ("label", "box", "boxes", "labels", "crowd", "difficult", "keypoints", "texts")
"""Keys whose values a record may hold ready, without any image or map being decoded."""

_AHEAD = 4
_ROWS = 8


@dataclasses.dataclass
class Reading:
    """What became of one record.

    Attributes:
        name: what to call it: its file.
        record: as the source gives it.
        sample: what was read of it; empty where it cannot be read.
        height, width: of the image in pixels; 0 where that is not known.
        complaint: why it cannot be read, in one line; empty if it can.
        digest: of the image's pixels; empty where they were not decoded.
    """

    name: str
    record: dict[str, Any]
    sample: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    height: int = 0
    width: int = 0
    complaint: str = ""
    digest: bytes = b""


def read(
    source: Source, split: str, labels_only: bool = False, workers: int | None = None
) -> Iterator[Reading]:
    """Reads every record of a split in the source's order, several at once.

    Args:
        source: the data set.
        split: one of its splits.
        labels_only: decode no image and no map: take the labels that the records hold ready, and
            the image's size from the head of its file.
        workers: records to read at once; None for one a CPU core.

    Raises:
        InputError: the records themselves cannot be gone through.
    """
    records = source.raw(source.check_split(split))
    decode = _Decoder(source, records.element_spec)
    workers = workers or os.cpu_count() or 1

    def one(record: dict[str, Any]) -> Reading:
        if labels_only and (path := image_file(record)) is not None:
            return _read_labels(source, record, path)
        return _decode(source, record, decode)

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Any] = deque()
        for record in _records(source, split, records):
            waiting.append(pool.submit(one, record))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Decoder:
    """A source's `decode`, compiled for its records when the first one is decoded."""

    def __init__(self, source: Source, spec: Any):
        self.source, self.spec = source, spec
        self.lock = threading.Lock()
        self.compiled: Callable[[Any], dict[str, tf.Tensor]] | None = None

    def __call__(self, record: dict[str, Any]) -> dict[str, tf.Tensor]:
        with self.lock:
            if self.compiled is None:
                function = tf.function(self.source.decode, autograph=False)
                self.compiled = function.get_concrete_function(self.spec)
        return self.compiled(record)


def image_file(record: dict[str, Any]) -> str | None:
    """The image's file, where the record names one instead of holding the image itself."""
    image = record.get("image")
    if not isinstance(image, tf.Tensor) or image.dtype != tf.string or image.shape.rank:
        return None
    path = image.numpy()
    # An image's bytes are no path: they are longer than any, and have zeros in them.
    return os.fsdecode(path) if len(path) < 4096 and b"\0" not in path else None


def _records(source: Source, split: str, records: tf.data.Dataset) -> Iterator[dict[str, Any]]:
    try:
        yield from records
    except tf.errors.OpError as error:
        reason = (error.message or str(error)).strip().splitlines()[0]
        raise InputError(f"{source.spec}, split {split}: cannot be read on: {reason}") from error


def _decode(source: Source, record: dict[str, Any], decode: _Decoder) -> Reading:
    reading = Reading(source.name_of(record), record)
    try:
        reading.sample = {key: value.numpy() for key, value in decode(record).items()}
    except tf.errors.OpError as error:
        reading.complaint = source.complaint(record, error)
        return reading
    image = reading.sample["image"]
    reading.height, reading.width = image.shape[:2]
    # Every eighth row tells any two photos apart, and takes an eighth of the time.
    digest = hashlib.blake2b(image[::_ROWS].tobytes(), digest_size=12)
    digest.update(repr(image.shape).encode())
    reading.digest = digest.digest()
    return reading


def _read_labels(source: Source, record: dict[str, Any], path: str) -> Reading:
    """The labels of a record as `decode` would give them, and the size of its image."""
    reading = Reading(source.name_of(record), record)
    try:
        reading.width, reading.height, _ = read_header(path)
    except FileNotFoundError:
        reading.complaint = f"{reading.name}: no such file; put it back or take it off the list."
        return reading
    except (OSError, ValueError) as error:
        reading.complaint = f"{reading.name}: not an image ({error}); save it again or remove it."
        return reading
    sample = {k: record[k].numpy() for k in LABELS if k in source.keys and k in record}
    sides = np.array([reading.width, reading.height] * 2, np.float32)
    relative = getattr(source, "relative", False)
    if "boxes" in sample and "labels" in sample:
        boxes = np.clip(sample["boxes"] * sides if relative else sample["boxes"], 0, sides)
        usable = (sample["labels"] >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(-1)
        sample["boxes"] = np.where(usable[:, None], boxes, 0)
        sample["labels"] = np.where(usable, sample["labels"], -1)
    if "keypoints" in sample and relative:
        sample["keypoints"] = sample["keypoints"] * [*sides[:2], 1]
    reading.sample = sample
    return reading
