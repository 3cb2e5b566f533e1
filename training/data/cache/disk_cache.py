"""A cache of samples on disk: TFRecord files with an index for random access.

A folder holds the samples of one split of one data set with one group of settings, and its name is
derived from all of these. It is written under a temporary name and renamed when complete, so that
an interrupted cache is never read.
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

from training.data.batch_order import without_autograph
from training.data.cache.cached_source import CachedSource, MakeSample, in_order
from training.data.sources import Sample, Source
from training.progress import Bar
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json

_FORMAT = 1
_SHARD_BYTES = 256 * 2**20
# A TFRecord has a length, and checksums of the length and of the content.
_RECORD_OVERHEAD = 16


class DiskCache(CachedSource):
    """A data set whose samples are cached in files below `root`, written when they are missing.

    `settings` are all values that `make` depends on.
    """

    def __init__(
        self, source: Source, split: str, make: MakeSample, settings: dict[str, Any], root: Path
    ):
        super().__init__(source, split, make)
        settings = {**settings, "parts": {name: repr(spec) for name, spec in self.parts.items()}}
        self.folder = folder_of(root, source, split, settings)
        try:
            if not (self.folder / "index.npz").is_file():
                self._write(settings)
            with np.load(self.folder / "index.npz") as index:
                self.offsets, self.shards = (
                    tf.constant(index[key]) for key in ("offsets", "shards")
                )
                self.image_sizes = tf.constant(index["sizes"])
        except (OSError, ValueError, KeyError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{self.folder}: the cache cannot be used ({reason}); remove that folder, free "
                "space, or use another folder with cache=disk:FOLDER."
            ) from error
        names = [str(self.folder / _name(i)) for i in range(int(max(self.shards)) + 1)]
        self.files = tf.constant(names)

    def _write(self, settings: dict[str, Any]) -> None:
        temporary = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.partial")
        _remove_abandoned(self.folder)
        temporary.mkdir(parents=True)
        try:
            index = self._write_shards(temporary)
            with (temporary / "index.npz").open("wb") as file:
                np.savez(file, **index)  # type: ignore[arg-type]
            about = {"data": self.spec, "split": self.split, **settings}
            write_json(temporary / "about.json", about)
            try:
                temporary.rename(self.folder)
            except OSError:
                # Another process has finished the same cache meanwhile.
                if not (self.folder / "index.npz").is_file():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write_shards(self, folder: Path) -> dict[str, np.ndarray]:
        offsets, shards, sizes = [], [], []
        shard, written = 0, 0
        writer = tf.io.TFRecordWriter(str(folder / _name(shard)))
        try:
            with Bar(f"caching {self.split}", self.sizes[self.split]) as bar:
                for size, strings in self._serialized_samples().as_numpy_iterator():
                    if written >= _SHARD_BYTES:
                        writer.close()
                        shard, written = shard + 1, 0
                        writer = tf.io.TFRecordWriter(str(folder / _name(shard)))
                    offsets.append(written)
                    shards.append(shard)
                    sizes.append(size)
                    for string in strings:
                        writer.write(string)
                        written += len(string) + _RECORD_OVERHEAD
                    bar.step()
            writer.close()
        except tf.errors.ResourceExhaustedError as error:
            raise OSError(f"no space left after {len(offsets)} samples") from error
        return {
            "offsets": np.array(offsets, np.int64),
            "shards": np.array(shards, np.int32),
            "sizes": np.array(sizes, np.int32).reshape(-1, 2),
        }

    def _serialized_samples(self) -> tf.data.Dataset:
        """Returns image size and strings of every sample, in the order of the data set."""

        @without_autograph
        def serialized(record: dict[str, Any]):
            return self.source.size_of(record), tf.stack(self.serialize(record))

        records = self.source.raw(self.split)
        return records.map(serialized, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    def rows(self, split: str) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        return lambda number: {"number": number}

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        return in_order(self.sizes[split], seed).map(lambda number: {"number": number})

    def size_of(self, record: dict[str, Any]) -> tf.Tensor:
        return tf.gather(self.image_sizes, record["number"])

    def open(self, record: dict[str, Any]) -> Sample:
        number = record["number"]
        # Without a buffer no more than the sample is read.
        stream = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.gather(self.files, tf.gather(self.shards, number))[None],
            compression_type="",
            buffer_size=0,
            byte_offsets=tf.gather(self.offsets, number)[None],
        )
        records = tf.data.experimental.from_variant(stream, tf.TensorSpec((), tf.string))
        strings = records.take(len(self.parts)).batch(len(self.parts)).get_single_element()
        return self.parse(tf.unstack(strings, len(self.parts)))

    def name_of(self, record: dict[str, Any]) -> str:
        return f"{self.spec}, {self.split}, record {int(record['number'])}"


def folder_of(root: Path, source: Source, split: str, settings: dict[str, Any]) -> Path:
    """Returns the folder of a split's cache, named after everything that it depends on."""
    about = json.dumps([_FORMAT, source.spec, split, settings], sort_keys=True)
    digest = hashlib.sha256(about.encode(errors="replace"))
    digest.update(source.fingerprint(split))
    format_name, _, folder = source.spec.partition("?")[0].partition(":")
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{format_name}-{Path(folder).name}").strip("-")[:40]
    return root / f"{words}-{split}-{digest.hexdigest()[:20]}"


def _name(shard: int) -> str:
    return f"samples-{shard:05d}.tfrecord"


def _remove_abandoned(folder: Path) -> None:
    """Removes the partial folders of processes that no longer exist."""
    for path in folder.parent.glob(f".{folder.name}.*.partial"):
        process = int(path.name.split(".")[-2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:
            continue
