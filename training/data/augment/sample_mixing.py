"""Augmentations that mix several samples: mosaic, mixup and copy-paste.

Each sample is first augmented separately, then mixed with the others:

* mosaic: four images tile the model input around a random point (Bochkovskiy, Wang, Liao, "YOLOv4",
  2020);
* mixup: two images are blended, with the objects of both (Zhang et al., "mixup", ICLR 2018, in the
  form for detection of Zhang et al., "Bag of Freebies for Training Object Detection Neural
  Networks", 2019);
* copy-paste: objects of a second image are pasted by their masks and occlude those below (Ghiasi et
  al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", CVPR
  2021).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence

import tensorflow as tf

from training.data.augment.augmentation import RESIZE_RULES, Augmentation
from training.data.augment.erasing import erase
from training.data.augment.geometry import read_masks
from training.data.augment.mosaic_mixup_paste import copy_paste, mixup, mosaic
from training.data.augment.random_draws import MIX, PARTNERS, draws, stream
from training.data.augment.random_matrix import COVER
from training.data.augment.resampling import Size
from training.data.augment.sample_augmenting import augment_lazily
from training.data.value_checks import check_size
from zoo.argument_checks import check_choice
from zoo.errors import InputError

MIN_MOSAIC_SIDE = 4


@tf.autograph.experimental.do_not_convert
def combine(
    samples: Sequence[Callable[[], dict]],
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str = "letterbox",
    flip_pairs: Sequence[tuple[int, int]] | None = None,
    mask_size: int | None = None,
) -> dict:
    """Augments a sample and mixes it with its partners, by the probabilities of the mixes.

    The objects of all images are concatenated, the first image's first; dropped objects stay as
    padding in between. The keys that a mixed sample cannot have (`Augmentation.lost_keys`) are
    removed whether or not this one is mixed. The other arguments are those of `augment`.

    Args:
        samples: functions that return one sample each, at least 1 + `augmentation.num_partners`,
            all with the same keys; only those that are used are called, so that no other image is
            decoded.

    Raises:
        InputError: if an argument is out of range, there are too few samples, a mosaic is smaller
            than 4 x 4 pixels, or copy-paste has no masks.
    """
    size = check_size("size", size)
    check_choice("resize", resize, RESIZE_RULES)
    needed = 1 + augmentation.num_partners
    if len(samples) < needed:
        raise InputError(f"samples must be at least {needed} to be mixed, not {len(samples)}.")
    if augmentation.mosaic > 0 and min(size) < MIN_MOSAIC_SIDE:
        raise InputError(f"size must be at least {MIN_MOSAIC_SIDE} for a mosaic, not {size}.")
    lost = {key for keys in augmentation.lost_keys.values() for key in keys}

    def augmented(number: int, tile: tf.Tensor | None = None) -> dict:
        moved = augment_lazily(
            samples[number](),
            seed if number == 0 else stream(seed, PARTNERS + number),
            augmentation,
            size,
            resize if tile is None else COVER,
            flip_pairs,
            tile,
        )
        return {key: value for key, value in moved.items() if not _is_lost(key, moved, lost)}

    mixes = {
        "mosaic": lambda: mosaic(augmented, seed, size, mask_size),
        "mixup": lambda: mixup(
            augmented(0), augmented(1), seed, augmentation.mixup_alpha, mask_size
        ),
        "copy_paste": lambda: copy_paste(
            augmented(0), augmented(1), seed, augmentation.min_visible, size, mask_size
        ),
    }

    def mixed(name: str) -> dict:
        return erase(mixes[name](), seed, augmentation, size)

    def unmixed() -> dict:
        return read_masks(erase(augmented(0), seed, augmentation, size), mask_size)

    names = augmentation.mixes
    limits = tf.cumsum(tf.constant([getattr(augmentation, name) for name in names], tf.float64))
    draw = draws(seed, MIX, ("way",))["way"]
    index = tf.reduce_sum(tf.cast(draw >= limits, tf.int32))
    return tf.switch_case(index, [*(functools.partial(mixed, name) for name in names), unmixed])


def _is_lost(key: str, sample: dict, lost: Collection[str]) -> bool:
    if key == "keypoints":
        return "keypoints" in lost and sample["keypoints"].shape.rank == 2
    return key in lost
