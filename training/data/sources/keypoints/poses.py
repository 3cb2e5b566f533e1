"""Poses as annotation files store them, and the meanings of their visibility flags."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.options import read_choice
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
    """One person.

    Attributes:
        image: the image file.
        name: entry in the annotation file, for messages.
        keypoints: one per keypoint name.
        box: x0, y0, x1, y1 in pixels, or None.
        split: split in the annotation file, or empty.
        label: class of the pose, or empty.
    """

    image: Path
    name: str
    keypoints: list[Keypoint]
    box: tuple[float, ...] | None = None
    split: str = ""
    label: str = ""


@dataclasses.dataclass
class Poses:
    """Content of an annotation file.

    Attributes:
        path: the file.
        keypoint_names: names of the keypoints of every pose.
        poses: the poses, in the file's order.
        visibility: key of `VISIBILITIES` that the format prescribes, or empty.
        defects: defects of the file's entries.
        notes: remarks for `Source.notes`.
    """

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
    """Returns the key of `VISIBILITIES`: the option, that of the format, or from the flags.

    Raises:
        InputError: if the option is not a key.
    """
    if option:
        return read_choice("visibility", option, VISIBILITIES)
    if poses.visibility:
        return poses.visibility
    flags = {keypoint[2] for pose in poses.poses for keypoint in pose.keypoints}
    return "coco" if 2 in flags else "marked"


def schema_keypoints(
    pose: Pose, meaning: dict[float, int], names: Sequence[str]
) -> tuple[list[float], list[str]]:
    """Converts the keypoints of a pose to the schema.

    Args:
        pose: the pose.
        meaning: the schema's visibility by flag.
        names: names of the keypoints.

    Returns:
        Flat x, y, visibility, zeros for absent keypoints; and a list of problems.
    """
    flat: list[float] = []
    problems = []
    for name, (x, y, flag) in zip(names, pose.keypoints, strict=True):
        visibility = 0 if math.isnan(flag) and math.isnan(x) else meaning.get(flag)
        if visibility is None:
            problems.append(f"visibility of {name} must be {_or(meaning)}, not {flag:g}")
        elif visibility and not (math.isfinite(x) and math.isfinite(y)):
            problems.append(f"{name} is marked but at ({x:g}, {y:g})")
            visibility = 0
        flat += [x, y, visibility] if visibility else [0.0, 0.0, 0.0]
    return flat, problems


def box_around(keypoints: Sequence[float], margin: float) -> tuple[float, ...] | None:
    """Returns the box around the keypoints that are present, or None without any.

    Args:
        keypoints: x, y, visibility, x, y, …
        margin: margin on every side, as a fraction of the longer side; the box is clipped at the
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
