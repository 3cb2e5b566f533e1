"""Poses as annotation files state them, and what their marks of visibility mean."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo.errors import InputError

VISIBILITIES: dict[str, dict[float, int]] = {
    "coco": {0: 0, 1: 1, 2: 2},
    "marked": {0: 0, 1: 2},
    "visible": {0: 1, 1: 2},
    "occluded": {0: 2, 1: 1},
}
"""From a file's mark to the schema's 0 absent, 1 hidden, 2 visible.

`coco` has the schema's own numbers; in `marked` (Leeds Sports Pose Extended) a joint without a mark
is absent; in `visible` (MPII) and `occluded` every joint with a position is somewhere and the mark
says whether it can be seen.
"""

Joint = tuple[float, float, float]
"""x, y in pixels and the mark; NaN throughout for a joint that has no position."""

ABSENT: Joint = (math.nan, math.nan, math.nan)


@dataclasses.dataclass(slots=True)
class Pose:
    """One person.

    Attributes:
        image: its file.
        record: where it stands in the annotation file.
        joints: one for each joint name.
        box: x0, y0, x1, y1 in pixels, where the file has one.
        split: what the file says of it, or nothing.
        label: what kind of pose it is, or nothing.
    """

    image: Path
    record: str
    joints: list[Joint]
    box: tuple[float, ...] | None = None
    split: str = ""
    label: str = ""


@dataclasses.dataclass
class Poses:
    """What an annotation file has.

    Attributes:
        path: the file.
        joint_names: of the joints of every pose.
        poses: in the file's order.
        visibility: the key of `VISIBILITIES` that the file's marks are known to follow, or nothing.
        faults: record, problem, remedy and what can be dropped of everything found wrong.
        notes: what the user should know.
    """

    path: Path
    joint_names: tuple[str, ...]
    poses: list[Pose] = dataclasses.field(default_factory=list)
    visibility: str = ""
    faults: list[tuple[str, str, str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def visibility_of(poses: Poses, asked: str) -> str:
    """The key of `VISIBILITIES` by which to read the marks: as asked, as known, or as they look.

    Raises:
        InputError: what is asked for does not exist.
    """
    if asked and asked not in VISIBILITIES:
        raise InputError(f"visibility={asked}: expected one of {', '.join(VISIBILITIES)}.")
    if asked or poses.visibility:
        return asked or poses.visibility
    marks = {joint[2] for pose in poses.poses for joint in pose.joints}
    return "coco" if 2 in marks else "marked"


def joints_of(pose: Pose, meaning: dict[float, int], names: Sequence[str]) -> tuple[list, list]:
    """The schema's flat x, y, visibility of a pose, absent joints all zeros, and what is wrong."""
    flat: list[float] = []
    problems = []
    for name, (x, y, mark) in zip(names, pose.joints, strict=True):
        seen = 0 if math.isnan(mark) and math.isnan(x) else meaning.get(mark)
        if seen is None:
            problems.append(f"{name} has visibility {mark:g}, not {_or(meaning)}")
        elif seen and not (math.isfinite(x) and math.isfinite(y)):
            problems.append(f"{name} is marked but at ({x:g}, {y:g})")
            seen = 0
        flat += [x, y, seen] if seen else [0.0, 0.0, 0.0]
    return flat, problems


def box_around(keypoints: Sequence[float], margin: float) -> tuple[float, ...] | None:
    """The box of the joints that are there, None where there is none.

    Args:
        keypoints: x, y, visibility, x, y, …
        margin: by which share of its longer side the box is larger on every side; it is cut at the
            left and upper edges of the image, whose size is not known here.
    """
    xs = [keypoints[i] for i in range(0, len(keypoints), 3) if keypoints[i + 2]]
    ys = [keypoints[i + 1] for i in range(0, len(keypoints), 3) if keypoints[i + 2]]
    if not xs:
        return None
    around = margin * max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
    low = max(min(xs) - around, 0.0), max(min(ys) - around, 0.0)
    return (*low, max(xs) + around, max(ys) + around)


def _or(values: Iterable[float]) -> str:
    return " or ".join(f"{value:g}" for value in values)
