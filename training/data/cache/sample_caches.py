"""The cached copies of a data set that a batch configuration requires."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.data.augment.lazy_image import LazyImage, with_channels
from training.data.batch_config import BatchConfig
from training.data.cache.cached_source import CachedSource, MakeSample
from training.data.cache.disk_cache import DiskCache
from training.data.cache.memory_cache import MemoryCache
from training.data.sources import Record, Sample, Source


def cached_for_training(source: Source, split: str, config: BatchConfig) -> Source:
    """Returns the data set with images cached as far reduced as the augmentation allows."""
    if config.cache == "none":
        return source
    sizes = config.image_sizes or config.buckets or (config.image_size,)

    def make(record: Record) -> Sample:
        sample = source.open(record)
        image = with_channels(sample["image"], config.channels)
        if isinstance(image, LazyImage):
            image = image.reduced(_largest_scale(image, sizes, config))
        return {**sample, "image": image}

    settings = {
        "sizes": sizes,
        "resize": config.resize,
        "zoom": _largest_zoom(config),
        "mosaic": config.augmentation.mosaic > 0,
    }
    return _cache(source, split, config, make, settings)


def cached_for_validation(
    source: Source, split: str, config: BatchConfig, resized: MakeSample
) -> CachedSource | None:
    """Returns the data set with cached `resized` samples; None without a cache."""
    if config.cache == "none":
        return None
    settings = {"resized": config.image_size, "resize": config.resize, "masks": config.mask_size}
    return _cache(source, split, config, resized, settings)


def _cache(
    source: Source, split: str, config: BatchConfig, make: MakeSample, settings: dict[str, Any]
) -> CachedSource:
    kind, _, folder = config.cache.partition(":")
    if kind == "memory":
        return MemoryCache(source, split, make)
    root = folder or os.environ.get("ZOO_CACHE_DIR") or Path.home() / ".cache" / "visionzoo"
    return DiskCache(source, split, make, {**settings, "channels": config.channels}, Path(root))


def _largest_zoom(config: BatchConfig) -> float:
    """Returns the largest factor by which augmentation enlarges a resized image, or a part."""
    ranges = config.augmentation
    zoom = ranges.scale[1] * ranges.scale_jitter[1] / math.cos(math.radians(ranges.shear))
    return zoom if ranges.crop == "none" else zoom / ranges.crop_sides[0]


def _largest_scale(
    image: LazyImage, sizes: tuple[tuple[int, int], ...], config: BatchConfig
) -> tf.Tensor:
    """Returns (2,) float64: the largest scale of x and y from an image to the model input."""
    sides = tf.cast(tf.stack([image.width, image.height]), tf.float64)
    # A mosaic's image covers its tile.
    covers = config.augmentation.mosaic > 0
    scales = []
    for height, width in sizes:
        ratios = tf.constant([width, height], tf.float64) / sides
        if config.resize == "crop":
            scale = tf.ones_like(ratios)
        elif config.resize == "stretch":
            scale = ratios
        else:
            scale = tf.fill((2,), tf.reduce_min(ratios))
        scales.append(tf.fill((2,), tf.reduce_max(ratios)) if covers else scale)
        if covers and config.resize == "crop":
            scales.append(scale)
    return tf.reduce_max(tf.stack(scales), axis=0) * _largest_zoom(config)
