"""Poses as annotation files store them, with their visibility flags and splits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.split_lists import split_by_lists
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    Classes,
    Reader,
    SplitRule,
    apply_rule,
    split_from_name,
    split_lists,
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
        self.defects.append(Defect(problem, remedy, name, shown(self.path), drop=drop, unused=drop))


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


def split_poses(reader: Reader, poses: Poses, rule: SplitRule) -> PoseSplits:
    """Returns the poses by split, those of one image together; remarks are added to their notes."""
    if not poses.poses and not poses.defects:
        raise InputError(f"{shown(poses.path)}: no pose in it; add entries.")
    if any(pose.split for pose in poses.poses):
        splits = _by_column(poses)
    else:
        lists = split_lists(reader.root)
        splits = _by_lists(lists, poses, reader) if lists else {"train": poses.poses}
    if poses.defects:
        splits.setdefault("train", [])  # its entries may be those that cannot be read
    splits = {split: splits[split] for split in SPLIT_NAMES if split in splits}
    if set(splits) != {"train"} and not rule.fold:
        return apply_rule(splits, reader, rule, lambda pose: pose.image)
    files = {
        split: list(dict.fromkeys(pose.image for pose in people))
        for split, people in splits.items()
    }
    labels: dict[Path, set[str]] = {}
    people = list(chain.from_iterable(splits.values()))
    for pose in people:
        labels.setdefault(pose.image, set()).add(pose.label)
    labeled = any(pose.label for pose in people)

    def classes_of(images: list[Path]) -> Classes:
        return [labels[image] for image in images]

    divided = apply_rule(files, reader, rule, lambda file: file, classes_of if labeled else None)
    result: PoseSplits = {}
    for split, images in divided.items():
        chosen = set(images)
        result[split] = [pose for pose in people if pose.image in chosen]
    return result


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


def _by_lists(lists: dict[str, Path], poses: Poses, reader: Reader) -> PoseSplits:
    by_file: dict[Path, list[Pose]] = {}
    for pose in poses.poses:
        by_file.setdefault(pose.image, []).append(pose)
    splits = split_by_lists(list(by_file), lists, reader)
    return {split: [p for file in files for p in by_file[file]] for split, files in splits.items()}
