"""One sample from several: mosaic, mixup and copy-paste.

Each image is first changed by itself, as `augment` does, then joined with the others:

* mosaic: four images share the canvas around a random point, each covering its tile (Bochkovskiy,
  Wang, Liao, "YOLOv4", 2020);
* mixup: two images are blended and keep all their objects (Zhang et al., "mixup", ICLR 2018, in
  the form for detection of Zhang et al., "Bag of Freebies for Training Object Detection Neural
  Networks", 2019);
* copy-paste: objects of a second image are pasted by their masks; what they cover is taken out of
  the masks and boxes below (Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method
  for Instance Segmentation", CVPR 2021).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence

import tensorflow as tf

from training.data.augment.augmentation import JOINS, Augmentation
from training.data.augment.augmenting import vary
from training.data.augment.erasing import erase
from training.data.augment.geometry import check_size, with_masks
from training.data.augment.letterboxing import check_resize
from training.data.augment.random_draws import COMBINE, PARTNERS, draws, stream
from training.data.augment.random_matrix import COVER
from training.data.augment.resampling import Size
from training.data.augment.sample_joining import BLENDED_OUT, SINGLE, blend, paste, tiled
from zoo.errors import InputError

MIN_MOSAIC_SIDE = 4


def partners(augmentation: Augmentation) -> int:
    """How many samples beside the first `combine` needs: 3, 1 or 0."""
    if augmentation.mosaic > 0:
        return 3
    return 1 if augmentation.mixup > 0 or augmentation.copy_paste > 0 else 0


def check_keys(augmentation: Augmentation, targets: Collection[str], keys: Collection[str]) -> None:
    """Raises InputError when the policy does not suit a model that learns from `targets` or a data
    set whose samples have `keys`."""
    for join, lost in _lost(augmentation).items():
        for key in targets:
            # Joints in rows of objects stay with their boxes.
            if key in lost and (key != "keypoints" or "boxes" not in targets):
                raise InputError(
                    f"augmentation {join} joins several images, and a joined image has no "
                    f"{key}, which the model learns from; set augmentation.{join}=0."
                )
    if augmentation.copy_paste > 0 and "masks" not in keys:
        raise InputError(
            "augmentation copy_paste needs objects with masks, which this data set does not have; "
            "set augmentation.copy_paste=0."
        )
    if augmentation.crop in ("min_iou", "object") and not {"boxes", "box"} & set(keys):
        raise InputError(
            f"augmentation crop={augmentation.crop!r} needs boxes, which this data set does not "
            "have; use 'random' or 'none'."
        )


def _lost(augmentation: Augmentation) -> dict[str, tuple[str, ...]]:
    """For each way of joining that the policy uses, the keys that have no meaning afterwards."""
    used = [name for name in JOINS if getattr(augmentation, name) > 0]
    return {name: (*SINGLE, *(BLENDED_OUT if name == "mixup" else ())) for name in used}


@tf.autograph.experimental.do_not_convert
def combine(
    samples: Sequence[Callable[[], dict]],
    seed: tf.Tensor,
    augmentation: Augmentation,
    size: Size,
    resize: str = "letterbox",
    joint_pairs: Sequence[tuple[int, int]] | None = None,
    mask_size: int | None = None,
) -> dict:
    """`augment` for a policy that joins samples by chance.

    samples: functions that give a sample each, at least 1 + `partners(policy)` of them and all of
        the same keys; only those that are needed are called, so that an image that is not shown
        is not decoded. Without a join the first comes out as `augment` changes it.
    seed, size, fit, joint_pairs, mask_size: as in `augment`.

    Objects of all images share the rows, the first image's first; rows of dropped objects stay
    as padding in between. The keys that a joined image cannot have are left out whether or not
    this one is joined: `label`, `box`, `proposals` and the `keypoints` of one person, and under
    mixup `segmentation` and `instances`. Raises InputError as `augment`, on too few samples, on a
    mosaic smaller than 4 x 4 pixels and on copy-paste without masks.
    """
    size = check_size(size)
    check_resize(resize)
    needed = 1 + partners(augmentation)
    if len(samples) < needed:
        raise InputError(f"this policy joins {needed} samples, not {len(samples)}")
    if augmentation.mosaic > 0 and min(size) < MIN_MOSAIC_SIDE:
        raise InputError(f"a mosaic needs a size of at least {MIN_MOSAIC_SIDE} pixels, not {size}")
    lost = {key for keys in _lost(augmentation).values() for key in keys}

    def varied(number: int, tile: tf.Tensor | None = None) -> dict:
        own = seed if number == 0 else stream(seed, PARTNERS + number)
        moved = vary(
            samples[number](),
            own,
            augmentation,
            size,
            resize if tile is None else COVER,
            joint_pairs,
            tile,
        )
        return {key: value for key, value in moved.items() if not _is_lost(key, moved, lost)}

    ways = {
        "mosaic": lambda: tiled(varied, seed, size, mask_size),
        "mixup": lambda: blend(varied(0), varied(1), seed, augmentation.mixup_alpha, mask_size),
        "copy_paste": lambda: paste(
            varied(0), varied(1), seed, augmentation.min_kept, size, mask_size
        ),
    }

    def finished(way: Callable[[], dict]) -> dict:
        return erase(way(), seed, augmentation, size)

    def alone() -> dict:
        return with_masks(erase(varied(0), seed, augmentation, size), mask_size)

    used = [name for name in JOINS if getattr(augmentation, name) > 0]
    limits = tf.cumsum(tf.constant([getattr(augmentation, name) for name in used], tf.float64))
    drawn = draws(seed, COMBINE, ("way",))["way"]
    way = tf.reduce_sum(tf.cast(drawn >= limits, tf.int32))
    branches = [functools.partial(finished, ways[name]) for name in used]
    return tf.switch_case(way, [*branches, alone])


def _is_lost(key: str, sample: dict, lost: Collection[str]) -> bool:
    if key == "keypoints":
        return "keypoints" in lost and sample["keypoints"].shape.rank == 2
    return key in lost
