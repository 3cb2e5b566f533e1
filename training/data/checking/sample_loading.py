"""Iteration over the samples of a split, in parallel and in order, past unreadable records."""

from __future__ import annotations

import contextlib
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

from training.data.checking.near_duplicates import perceptual_hash
from training.data.sources.reading.image_headers import ImageHeader, read_header
from training.data.sources.source import Source
from zoo.errors import InputError

LABELS = ("label", "box", "boxes", "labels", "crowd", "difficult", "keypoints", "texts")
"""Keys whose values a record may hold without decoding of an image or a map."""

_PREFETCHED_PER_WORKER = 4
_ROW_STEP = 8


@dataclasses.dataclass
class LoadedSample:
    """The sample of a record, or the error that prevents it.

    Attributes:
        name: name of the record: its file.
        record: record of the data set.
        sample: sample; empty if the record cannot be read.
        height: height of the image in pixels; 0 if unknown.
        width: width of the image in pixels; 0 if unknown.
        error: message of the error in one line; empty if there is none.
        digest: digest of the image's pixels; empty if they were not decoded.
        header: header of the image file; None if it is unknown.
        hash: perceptual hash of the image; None if it was not computed.
    """

    name: str
    record: dict[str, Any]
    sample: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    height: int = 0
    width: int = 0
    error: str = ""
    digest: bytes = b""
    header: ImageHeader | None = None
    hash: np.ndarray | None = None


def load_samples(
    source: Source,
    split: str,
    labels_only: bool = False,
    workers: int | None = None,
    hashes: bool = False,
) -> Iterator[LoadedSample]:
    """Loads every record of a split in order.

    Args:
        source: data set.
        split: name of the split.
        labels_only: whether to read only the labels in the records and the image headers.
        workers: number of threads; None for one per CPU core.
        hashes: whether to compute perceptual hashes of decoded images.
    """
    records = source.raw(source.check_split(split))
    decode = _Decoder(source, records.element_spec)
    workers = workers or os.cpu_count() or 1

    def one(record: dict[str, Any]) -> LoadedSample:
        if labels_only and (path := image_file(record)) is not None:
            return _read_labels(source, record, path)
        loaded = _decode(source, record, decode)
        if hashes and not loaded.error:
            loaded.hash = perceptual_hash(loaded.sample["image"])
        return loaded

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Any] = deque()
        for record in _records(source, split, records):
            waiting.append(pool.submit(one, record))
            if len(waiting) >= _PREFETCHED_PER_WORKER * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Decoder:
    """A source's `decode`, compiled at the first record."""

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
    """Returns the image's path, where the record has one instead of the image itself."""
    image = record.get("image")
    if not isinstance(image, tf.Tensor) or image.dtype != tf.string or image.shape.rank:
        return None
    path = image.numpy()
    # The bytes of an image are longer than any path, and contain zeros.
    return os.fsdecode(path) if len(path) < 4096 and b"\0" not in path else None


def _records(source: Source, split: str, records: tf.data.Dataset) -> Iterator[dict[str, Any]]:
    try:
        yield from records
    except tf.errors.OpError as error:
        reason = (error.message or str(error)).strip().splitlines()[0]
        raise InputError(
            f"{source.spec}: {split}: reading failed: {reason.rstrip('.')}."
        ) from error


def _decode(source: Source, record: dict[str, Any], decode: _Decoder) -> LoadedSample:
    loaded = LoadedSample(source.name_of(record), record)
    try:
        loaded.sample = {key: value.numpy() for key, value in decode(record).items()}
    except tf.errors.OpError as error:
        loaded.error = source.error_message(record, error)
        return loaded
    if (path := image_file(record)) is not None:
        with contextlib.suppress(OSError, ValueError):
            loaded.header = read_header(path)
    image = loaded.sample["image"]
    loaded.height, loaded.width = image.shape[:2]
    # Every eighth row distinguishes any two photos in an eighth of the time.
    digest = hashlib.blake2b(image[::_ROW_STEP].tobytes(), digest_size=12)
    digest.update(repr(image.shape).encode())
    loaded.digest = digest.digest()
    return loaded


def _read_labels(source: Source, record: dict[str, Any], path: str) -> LoadedSample:
    """Returns the labels of a record as `decode` returns them, and the size of its image."""
    loaded = LoadedSample(source.name_of(record), record)
    try:
        loaded.header = read_header(path)
    except FileNotFoundError:
        loaded.error = f"{loaded.name}: no such file; restore the file or remove it from the list."
        return loaded
    except (OSError, ValueError) as error:
        loaded.error = f"{loaded.name}: not an image ({error}); save it again or remove it."
        return loaded
    loaded.width, loaded.height = loaded.header.width, loaded.header.height
    sample = {k: record[k].numpy() for k in LABELS if k in source.keys and k in record}
    sides = np.array([loaded.width, loaded.height] * 2, np.float32)
    relative = getattr(source, "relative", False)
    if "boxes" in sample and "labels" in sample:
        boxes = np.clip(sample["boxes"] * sides if relative else sample["boxes"], 0, sides)
        usable = (sample["labels"] >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(-1)
        sample["boxes"] = np.where(usable[:, None], boxes, 0)
        sample["labels"] = np.where(usable, sample["labels"], -1)
    if "keypoints" in sample and relative:
        sample["keypoints"] = sample["keypoints"] * [*sides[:2], 1]
    loaded.sample = sample
    return loaded
