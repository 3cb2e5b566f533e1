"""Poses as annotation files store them, with their visibility flags and splits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    listed_names,
    split_from_name,
    split_lists,
    split_off_validation,
)
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown

VISIBILITIES: dict[str, dict[float, int]] = {
    "coco": {0: 0, 1: 1, 2: 2},
    "marked": {0: 0, 1: 2},
    "visible": {0: 1, 1: 2},
    "occluded": {0: 2, 1: 1},
}
"""From a file's flag to the schema's 0 absent, 1 hidden, 2 visible.

`coco` has the schema's values; in `marked` (Leeds Sports Pose Extended) a keypoint with flag 0 is
absent; in `visible` (MPII) and `occluded` every keypoint with a position is present, and the flag
is its visibility.
"""

Keypoint = tuple[float, float, float]
"""x, y in pixels and the visibility flag; all NaN for a keypoint without a position."""

ABSENT: Keypoint = (math.nan, math.nan, math.nan)


@dataclasses.dataclass(slots=True)
class Pose:
    """One person: name of the entry in the annotation file, box as `xyxy` pixels or None."""

    image: Path
    name: str
    keypoints: list[Keypoint]
    box: tuple[float, ...] | None = None
    split: str = ""
    label: str = ""


@dataclasses.dataclass
class Poses:
    """Content of an annotation file; `visibility` is a key of `VISIBILITIES`, if prescribed."""

    path: Path
    keypoint_names: tuple[str, ...]
    poses: list[Pose] = dataclasses.field(default_factory=list)
    visibility: str = ""
    defects: list[Defect] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def report(self, name: str, problem: str, remedy: str, drop: str) -> None:
        """Adds a defect of an entry."""
        self.defects.append(Defect(problem, remedy, name, shown(self.path), drop=drop))


def visibility_of(poses: Poses, option: str) -> str:
    """Returns the key of `VISIBILITIES`: the option, that of the format, or from the flags."""
    if option:
        return check_choice("visibility", option, VISIBILITIES)
    if poses.visibility:
        return poses.visibility
    flags = {keypoint[2] for pose in poses.poses for keypoint in pose.keypoints}
    return "coco" if 2 in flags else "marked"


def schema_keypoints(
    pose: Pose, meaning: dict[float, int], names: Sequence[str]
) -> tuple[list[float], list[str]]:
    """Returns flat x, y, visibility of a pose, zeros for absent keypoints; and the problems."""
    flat: list[float] = []
    problems = []
    flags = " or ".join(f"{value:g}" for value in meaning)
    for name, (x, y, flag) in zip(names, pose.keypoints, strict=True):
        visibility = 0 if math.isnan(flag) and math.isnan(x) else meaning.get(flag)
        if visibility is None:
            problems.append(f"visibility of {name} must be {flags}, not {flag:g}")
        elif visibility and not (math.isfinite(x) and math.isfinite(y)):
            problems.append(f"{name} is marked but at ({x:g}, {y:g})")
            visibility = 0
        flat += [x, y, visibility] if visibility else [0.0, 0.0, 0.0]
    return flat, problems


def box_around(keypoints: Sequence[float], margin: float) -> tuple[float, ...] | None:
    """Returns the box around the keypoints that are present, or None without any.

    The margin on every side is a fraction of the longer side; the box is clipped only at the left
    and upper edges of the image, whose size is not known here.
    """
    xs = [keypoints[i] for i in range(0, len(keypoints), 3) if keypoints[i + 2]]
    ys = [keypoints[i + 1] for i in range(0, len(keypoints), 3) if keypoints[i + 2]]
    if not xs:
        return None
    around = margin * max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
    low = max(min(xs) - around, 0.0), max(min(ys) - around, 0.0)
    return (*low, max(xs) + around, max(ys) + around)


PoseSplits = dict[str, list[Pose]]


def split_poses(root: Path, poses: Poses, val: str, how: str) -> PoseSplits:
    """Returns the poses by split, those of one image together; remarks are added to their notes."""
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
                f"{shown(poses.path)}: {pose.name}: split must be 'train', 'val' or "
                f"'test', not "
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
                    f"{shown(poses.path.name)}; remove it from the list."
                )
            splits[split] += found
    unlisted = len(poses.poses) - len({id(pose) for people in splits.values() for pose in people})
    if unlisted:
        poses.notes.append(f"{unlisted} people are not listed in any split and were not read.")
    return splits
