"""What to keep of a data set between epochs, and where.

`memory` keeps samples in this process, `disk` in files below `ZOO_CACHE_DIR` (else a cache folder
of the user's), `disk:FOLDER` below that folder; files are read again by every later run on the same
data with the same setting.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.data.augment import partners
from training.data.augment.lazy_image import LazyImage, with_channels
from training.data.batch_config import BatchConfig
from training.data.cache.cached_source import CachedSource, Make, MemorySource
from training.data.cache.disk_cache import DiskSource
from training.data.sources import Record, Sample, Source
from zoo.errors import InputError


def cached_for_training(source: Source, split: str, batches: BatchConfig) -> Source:
    """The data set with its samples decoded once, as far as any variant may show them.

    Raises:
        InputError: no such kind of cache, or it has no room.
    """
    if check_cache(batches.cache) == "none":
        return source
    sizes = batches.image_sizes or batches.buckets or (batches.image_size,)

    def make(record: Record) -> Sample:
        sample = source.open(record)
        image = sample["image"]
        if not isinstance(image, LazyImage):
            return {**sample, "image": with_channels(image, batches.channels)}
        scale = _largest_scale(image, sizes, batches)
        return {**sample, "image": image.with_channels(batches.channels).reduced(scale)}

    largest, resize = _largest_zoom(batches), batches.resize
    covers = partners(batches.augmentation) == 3
    setting = {"sizes": sizes, "resize": resize, "zoom": largest, "covers": covers}
    return _kept(source, split, batches, make, setting)


def cached_for_validation(
    source: Source, split: str, batches: BatchConfig, placed: Make
) -> CachedSource | None:
    """The data set with its samples already on the canvas, where a cache is asked for."""
    if check_cache(batches.cache) == "none":
        return None
    setting = {"placed": batches.image_size, "resize": batches.resize, "masks": batches.mask_size}
    return _kept(source, split, batches, placed, setting)


def check_cache(cache: str) -> str:
    """`"none"`, `"memory"` or `"disk"` as a recipe's `cache` says.

    Raises:
        InputError: it says something else.
    """
    kind, _, folder = cache.partition(":")
    if kind not in ("none", "memory", "disk") or (folder and kind != "disk"):
        raise InputError(f"cache is none, memory, disk or disk:FOLDER, not {cache!r}.")
    return kind


def _kept(
    source: Source, split: str, batches: BatchConfig, make: Make, setting: dict[str, Any]
) -> CachedSource:
    kind, _, folder = batches.cache.partition(":")
    if kind == "memory":
        return MemorySource(source, split, make)
    root = folder or os.environ.get("ZOO_CACHE_DIR") or Path.home() / ".cache" / "visionzoo"
    return DiskSource(source, split, make, {**setting, "channels": batches.channels}, Path(root))


def _largest_zoom(batches: BatchConfig) -> float:
    """How much larger than placed an image, or a part of it, can come out."""
    augmentation = batches.augmentation
    zoom = (
        augmentation.scale[1]
        * augmentation.scale_jitter[1]
        / math.cos(math.radians(augmentation.shear))
    )
    return zoom if augmentation.crop == "none" else zoom / augmentation.crop_sides[0]


def _largest_scale(
    image: LazyImage, sizes: tuple[tuple[int, int], ...], batches: BatchConfig
) -> tf.Tensor:
    """(2,) float64: the largest factor of x and y by which a variant can scale an image."""
    sides = tf.cast(tf.stack([image.width, image.height]), tf.float64)
    # A tile of a mosaic is covered whole.
    covers = partners(batches.augmentation) == 3
    found = []
    for height, width in sizes:
        ratios = tf.constant([width, height], tf.float64) / sides
        if batches.resize == "crop":
            scale = tf.ones_like(ratios)
        elif batches.resize == "stretch":
            scale = ratios
        else:
            scale = tf.fill((2,), tf.reduce_min(ratios))
        found.append(tf.fill((2,), tf.reduce_max(ratios)) if covers else scale)
        if covers and batches.resize == "crop":
            found.append(scale)
    return tf.reduce_max(tf.stack(found), axis=0) * _largest_zoom(batches)
