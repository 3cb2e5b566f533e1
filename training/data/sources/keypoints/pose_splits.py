"""Splits of poses: from the table, else from lists, else a fixed validation split."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.keypoints.poses import Pose, Poses
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    listed_names,
    split_from_name,
    split_lists,
    split_off_validation,
)
from zoo.errors import InputError
from zoo.files.file_names import shown

PoseSplits = dict[str, list[Pose]]


def split_poses(root: Path, poses: Poses, val: str, how: str) -> PoseSplits:
    """Returns the poses by split; those of one image stay together.

    Args:
        root: the data folder, with optional lists `train.txt` ….
        poses: all poses; remarks on the splits are added to its notes.
        val: fraction of the images to validate on if there is no other split, as text.
        how: `"hash"` or `"block"`, see `split_off_validation`.

    Raises:
        InputError: if there are no poses, a split is unknown, or a listed image has no pose.
    """
    if not poses.poses:
        raise InputError(f"{shown(poses.path)}: no valid pose in it; correct its entries.")
    if any(pose.split for pose in poses.poses):
        splits = _by_column(poses)
    else:
        lists = split_lists(root)
        splits = _by_lists(lists, poses) if lists else {"train": poses.poses}
    if set(splits) != {"train"}:
        return {split: splits[split] for split in SPLIT_NAMES if split in splits}
    people = splits["train"]
    images = list(dict.fromkeys(pose.image for pose in people))
    stems = [image.stem for image in images]
    chosen = set(split_off_validation(images, stems, val, how, poses.path)["val"])
    return {
        "train": [pose for pose in people if pose.image not in chosen],
        "val": [pose for pose in people if pose.image in chosen],
    }


def _by_column(poses: Poses) -> PoseSplits:
    splits: PoseSplits = {}
    for pose in poses.poses:
        split = split_from_name(pose.split)
        if not split:
            raise InputError(
                f"{shown(poses.path)}: {pose.name}: split must be train, val or test, not "
                f"{shown(pose.split)!r}."
            )
        splits.setdefault(split, []).append(pose)
    return splits


def _by_lists(lists: dict[str, Path], poses: Poses) -> PoseSplits:
    by_name: dict[str, list[Pose]] = {}
    for pose in poses.poses:
        for name in {pose.image.name, pose.image.stem}:
            by_name.setdefault(name, []).append(pose)
    splits: PoseSplits = {}
    for split, path in lists.items():
        splits[split] = []
        for number, word in listed_names(path):
            found = by_name.get(Path(word).name) or by_name.get(Path(word).stem)
            if not found:
                raise InputError(
                    f"{shown(path)}: line {number}: {shown(word)} is not in "
                    f"{shown(poses.path.name)}; take it off the list."
                )
            splits[split] += found
    unlisted = len(poses.poses) - len({id(pose) for people in splits.values() for pose in people})
    if unlisted:
        poses.notes.append(f"{unlisted} people are on no list and were not read")
    return splits
