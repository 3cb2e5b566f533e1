"""Poses in MATLAB files: those of Leeds Sports Pose and of MPII Human Pose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from training.data.shapes.figure_poses import JOINTS
from training.data.sources.keypoints.poses import ABSENT, Pose, Poses
from training.data.sources.reading.image_files import natural_key
from training.data.sources.reading.image_lookup import ImageIndex
from zoo.errors import InputError
from zoo.files.file_names import shown

MPII_JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis"),
    *("thorax", "upper neck", "head top", "right wrist", "right elbow", "right shoulder"),
    *("left shoulder", "left elbow", "left wrist"),
)
_LSP_JOINTS = len(JOINTS)


def read_pose_mat(path: Path, index: ImageIndex) -> Poses:
    """Poses of a MATLAB file: `joints` (14 × 3 × N or 3 × 14 × N) or MPII's `RELEASE`.

    Raises:
        InputError: it cannot be read, is neither, or its images are not there.
    """
    try:
        with path.open("rb") as file:
            content = scipy.io.loadmat(file, struct_as_record=False, variable_names=_WANTED)
    except NotImplementedError as error:
        raise InputError(
            f"{shown(path)}: MATLAB 7.3 files are not read; save it with -v7."
        ) from error
    except MemoryError as error:
        raise InputError(f"{shown(path)}: damaged, it claims more than memory holds.") from error
    # SciPy's reader follows a damaged file into errors of any kind, of its own variables too.
    except Exception as error:
        reason = shown(str(error).strip().split("\n")[0])[:100] or type(error).__name__
        raise InputError(f"{shown(path)}: not a readable MATLAB file ({reason}).") from error
    if "joints" in content:
        return _lsp(path, content, index)
    if "RELEASE" in content:
        return _mpii(path, content["RELEASE"], index)
    raise InputError(
        f"{shown(path)}: expected a variable joints (Leeds Sports Pose) or RELEASE (MPII)."
    )


_WANTED = ["joints", "ids", "RELEASE"]


def _lsp(path: Path, content: dict[str, Any], index: ImageIndex) -> Poses:
    joints = np.asarray(content["joints"])
    axes = [axis for axis in range(2) if joints.ndim == 3 and joints.shape[axis] == _LSP_JOINTS]
    if len(axes) != 1 or joints.shape[1 - axes[0]] != 3 or joints.dtype.kind not in "iufb":
        raise InputError(
            f"{shown(path)}: joints has the shape {'×'.join(map(str, joints.shape))}; expected "
            f"{_LSP_JOINTS}×3×N numbers: x, y, visibility."
        )
    people = np.moveaxis(joints, (2, axes[0]), (0, 1)).astype(np.float64)
    images = _numbered_images(path, len(people), content.get("ids"), index)
    poses = Poses(path, JOINTS)
    for column, (person, image) in enumerate(zip(people, images, strict=True), 1):
        rows: list[tuple[float, float, float]] = [
            (float(x), float(y), float(v)) for x, y, v in person
        ]
        poses.poses.append(Pose(image, f"column {column}", rows))
    return poses


def _numbered_images(path: Path, count: int, ids: Any, index: ImageIndex) -> list[Path]:
    """The image of each column: that of its number in `ids`, else the images in order."""
    by_number: dict[int, Path] = {}
    images = sorted(index.images(), key=natural_key)
    for image in images:
        found = re.search(r"(\d{1,18})\D*$", image.stem)
        if found:
            by_number[int(found[1])] = image
    if ids is not None:
        numbers = np.asarray(ids).ravel()
        if len(numbers) != count or numbers.dtype.kind not in "iuf":
            raise InputError(f"{shown(path)}: ids has {len(numbers)} entries for {count} people.")
        folder = index.folders[0] if index.folders else index.root
        missing = "im{:04d}.jpg"
        return [by_number.get(int(n), folder / missing.format(int(n))) for n in numbers]
    if set(range(1, count + 1)) <= set(by_number):
        return [by_number[number] for number in range(1, count + 1)]
    if len(images) != count:
        raise InputError(
            f"{shown(path)}: joints of {count} people but {len(images)} images in "
            f"{shown(index.root)}; they are matched in the order of their numbers."
        )
    return images


def _mpii(path: Path, release: Any, index: ImageIndex) -> Poses:
    """The training people of MPII; its test images have no joints."""
    poses = Poses(path, MPII_JOINTS, visibility="visible")
    try:
        release = release.ravel()[0]
        images, training = _listed(release.annolist), np.asarray(release.img_train).ravel()
    except (AttributeError, IndexError) as error:
        raise InputError(
            f"{shown(path)}: RELEASE has no annolist and img_train; take MPII's own file."
        ) from error
    if len(images) != len(training):
        raise InputError(f"{shown(path)}: annolist and img_train differ in length.")
    empty = 0
    for number, (image, train) in enumerate(zip(images, training, strict=True), 1):
        if not train:
            continue
        name = _only(getattr(_only(getattr(image, "image", None)), "name", None))
        people = _listed(getattr(image, "annorect", None))
        if not isinstance(name, str):
            poses.faults.append((f"image {number}", "it has no name", "name it", "image"))
            continue
        for rect, person in enumerate(people, 1):
            record = f"image {number}, person {rect}"
            points = getattr(_only(getattr(person, "annopoints", None)), "point", None)
            rows = _mpii_joints(_listed(points), record, poses)
            if rows is None:
                empty += 1
                continue
            file = index.find(name, f"{shown(path)}, {record}")
            poses.poses.append(Pose(file, record, rows, split="train"))
    if empty:
        poses.notes.append(f"{empty} people without joints are left out")
    return poses


def _mpii_joints(points: list[Any], record: str, poses: Poses) -> list | None:
    """A row for each of MPII's joints; None for a person without any."""
    rows = [ABSENT] * len(MPII_JOINTS)
    for point in points:
        number = _number(getattr(point, "id", None))
        x, y = _number(getattr(point, "x", None)), _number(getattr(point, "y", None))
        if number is None or x is None or y is None or number not in range(len(MPII_JOINTS)):
            poses.faults.append((record, "a point has no joint number or place", "mend it", "part"))
            continue
        # Head joints carry no mark in MPII; they are where the head's box is, in plain sight.
        mark = _number(getattr(point, "is_visible", None))
        rows[int(number)] = (x, y, 1.0 if mark is None else mark)
    return rows if any(row is not ABSENT for row in rows) else None


def _listed(value: Any) -> list[Any]:
    """The elements of a MATLAB struct array."""
    return (
        []
        if value is None
        else [item for item in np.asarray(value, object).ravel() if item is not None]
    )


def _only(value: Any) -> Any:
    items = _listed(value)
    return items[0] if items else None


def _number(value: Any) -> float | None:
    """A scalar that MATLAB may have kept as text or as an empty matrix."""
    items = np.asarray(value).ravel() if value is not None else np.zeros(0)
    try:
        return float(items[0]) if items.size == 1 else None
    except (TypeError, ValueError):
        return None
