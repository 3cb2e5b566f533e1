"""Which people to train on: as their table says, else as lists say, else by a fixed share."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.keypoints.poses import Pose, Poses
from training.data.sources.reading.folder_layout import SPLIT_NAMES, held_out
from training.data.sources.reading.splits import list_files, listed_names
from zoo.errors import InputError
from zoo.files.file_names import shown

PoseSplits = dict[str, list[Pose]]


def split_poses(root: Path, poses: Poses, val: str, how: str) -> PoseSplits:
    """People by split; those of one image stay together.

    Args:
        root: the data folder, with `train.txt` … if there are any.
        poses: all people; what is said of the splits goes to its notes.
        val, how: see `training.data.sources.reading.folder_layout.held_out`.

    Raises:
        InputError: no people, a split of another name, or a listed image without people.
    """
    if not poses.poses:
        raise InputError(f"{shown(poses.path)}: no pose can be read from it.")
    if any(pose.split for pose in poses.poses):
        splits = _by_column(poses)
    else:
        lists = list_files(root)
        splits = _by_lists(lists, poses) if lists else {"train": poses.poses}
    if set(splits) != {"train"}:
        return {split: splits[split] for split in SPLIT_NAMES if split in splits}
    people = splits["train"]
    images = list(dict.fromkeys(pose.image for pose in people))
    if len(images) < 2:
        raise InputError(
            f"{shown(poses.path)}: one image is too few; training and validation need one each."
        )
    chosen = {images[i] for i in held_out([image.stem for image in images], val, how)}
    return {
        "train": [pose for pose in people if pose.image not in chosen],
        "val": [pose for pose in people if pose.image in chosen],
    }


def _by_column(poses: Poses) -> PoseSplits:
    splits: PoseSplits = {}
    for pose in poses.poses:
        split = next((s for s, names in SPLIT_NAMES.items() if pose.split in names), None)
        if split is None:
            raise InputError(
                f"{shown(poses.path)}, {pose.record}: split {shown(pose.split)!r} is none of "
                f"{', '.join(SPLIT_NAMES)}."
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
                    f"{shown(path)}, line {number}: {shown(word)} is not in "
                    f"{shown(poses.path.name)}; take it off the list."
                )
            splits[split] += found
    unlisted = len(poses.poses) - len({id(pose) for people in splits.values() for pose in people})
    if unlisted:
        poses.notes.append(f"{unlisted} people are on no list: left out")
    return splits
