"""Kept samples on disk: TFRecord files, and an index by which any sample is read first.

A folder holds the samples of one split of one data set as one setting makes them, and is named by
all of these. It is written under a temporary name and renamed at its end, so that what was
interrupted is never read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.cache.cached_source import (
    CachedSource,
    Make,
    in_order,
    sample_of,
    without_autograph,
)
from training.data.sources import Sample, Source
from training.progress import Bar
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json

_FORM = 1
_SHARD_BYTES = 256 * 2**20
# Of a TFRecord: its length, and check sums of the length and of the content.
_FRAME = 16


class DiskSource(CachedSource):
    """Keeps samples in files; all of them are made when they are not there yet.

    Args:
        source, split, make: as of `CachedSource`.
        setting: what `make` depends on.
        root: folder that holds the folders of all such caches.

    Raises:
        InputError: the files cannot be written or read.
    """

    def __init__(self, source: Source, split: str, make: Make, setting: dict[str, Any], root: Path):
        super().__init__(source, split, make)
        setting = {**setting, "parts": {name: repr(spec) for name, spec in self.parts.items()}}
        self.folder = folder_of(root, source, split, setting)
        try:
            if not (self.folder / "index.npz").is_file():
                self._write(setting)
            with np.load(self.folder / "index.npz") as index:
                self.offsets, self.shards = (
                    tf.constant(index[key]) for key in ("offsets", "shards")
                )
                self.image_sizes = tf.constant(index["sizes"])
        except (OSError, ValueError, KeyError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{self.folder}: the cache cannot be used ({reason}); remove that folder, make "
                "room, or choose another with cache=disk:FOLDER."
            ) from error
        names = [str(self.folder / _name(i)) for i in range(int(max(self.shards)) + 1)]
        self.files = tf.constant(names)

    def _write(self, setting: dict[str, Any]) -> None:
        temporary = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.partial")
        _remove_abandoned(self.folder)
        temporary.mkdir(parents=True)
        try:
            index = self._write_shards(temporary)
            with (temporary / "index.npz").open("wb") as file:
                np.savez(file, **index)  # type: ignore[arg-type]
            about = {"data": self.spec, "split": self.split, **setting}
            write_json(temporary / "about.json", about)
            try:
                temporary.rename(self.folder)
            except OSError:
                # Another process has finished the same meanwhile.
                if not (self.folder / "index.npz").is_file():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write_shards(self, folder: Path) -> dict[str, np.ndarray]:
        offsets, shards, sizes = [], [], []
        shard, written = 0, 0
        writer = tf.io.TFRecordWriter(str(folder / _name(shard)))
        try:
            with Bar(f"storing {self.split}", self.sizes[self.split]) as bar:
                for size, texts in self._made().as_numpy_iterator():
                    if written >= _SHARD_BYTES:
                        writer.close()
                        shard, written = shard + 1, 0
                        writer = tf.io.TFRecordWriter(str(folder / _name(shard)))
                    offsets.append(written)
                    shards.append(shard)
                    sizes.append(size)
                    for text in texts:
                        writer.write(text)
                        written += len(text) + _FRAME
                    bar.step()
            writer.close()
        except tf.errors.ResourceExhaustedError as error:
            raise OSError(f"no room after {len(offsets)} samples") from error
        return {
            "offsets": np.array(offsets, np.int64),
            "shards": np.array(shards, np.int32),
            "sizes": np.array(sizes, np.int32).reshape(-1, 2),
        }

    def _made(self) -> tf.data.Dataset:
        """Image size and strings of every sample, in the data set's own order."""

        @without_autograph
        def made(record: dict[str, Any]):
            return self.source.size_of(record), tf.stack(self.serialized(record))

        records = self.source.raw(self.split)
        return records.map(made, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    def rows(self, split: str) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        return lambda number: {"number": number}

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        return in_order(self.sizes[split], seed).map(lambda number: {"number": number})

    def size_of(self, record: dict[str, Any]) -> tf.Tensor:
        return tf.gather(self.image_sizes, record["number"])

    def open(self, record: dict[str, Any]) -> Sample:
        number = record["number"]
        # Without a buffer nothing but the sample is read.
        stream = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.gather(self.files, tf.gather(self.shards, number))[None],
            compression_type="",
            buffer_size=0,
            byte_offsets=tf.gather(self.offsets, number)[None],
        )
        texts = tf.data.experimental.from_variant(stream, tf.TensorSpec((), tf.string))
        found = texts.take(len(self.parts)).batch(len(self.parts)).get_single_element()
        return sample_of(self.parsed(tf.unstack(found, len(self.parts))))

    def name_of(self, record: dict[str, Any]) -> str:
        return f"{self.spec}, {self.split}, record {int(record['number'])}"


def folder_of(root: Path, source: Source, split: str, setting: dict[str, Any]) -> Path:
    """Where the samples of a split are kept, named by all that they depend on."""
    about = json.dumps([_FORM, source.spec, split, setting], sort_keys=True)
    digest = hashlib.sha256(about.encode(errors="replace"))
    digest.update(source.fingerprint(split))
    form, _, where = source.spec.partition("?")[0].partition(":")
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{form}-{Path(where).name}").strip("-")[:40]
    return root / f"{words}-{split}-{digest.hexdigest()[:20]}"


def _name(shard: int) -> str:
    return f"samples-{shard:05d}.tfrecord"


def _remove_abandoned(folder: Path) -> None:
    """Removes what processes that are gone had begun to write."""
    for path in folder.parent.glob(f".{folder.name}.*.partial"):
        process = int(path.name.split(".")[-2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:
            continue
