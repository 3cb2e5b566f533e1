"""Poses in the MATLAB files of Leeds Sports Pose and of MPII Human Pose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from training.data.shapes.figure_poses import JOINTS
from training.data.sources.keypoints.poses import ABSENT, Keypoint, Pose, Poses
from training.data.sources.reading.image_files import natural_key
from training.data.sources.reading.image_lookup import ImageIndex
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import open_regular

MPII_JOINTS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis"),
    *("thorax", "upper neck", "head top", "right wrist", "right elbow", "right shoulder"),
    *("left shoulder", "left elbow", "left wrist"),
)
_LSP_JOINTS = len(JOINTS)
_VARIABLES = ["joints", "ids", "RELEASE"]


def read_pose_mat(path: Path, index: ImageIndex) -> Poses:
    """Reads a MATLAB file with `joints` (14 × 3 × N or 3 × 14 × N) or MPII's `RELEASE`."""
    try:
        with open_regular(path) as file:
            content = scipy.io.loadmat(file, struct_as_record=False, variable_names=_VARIABLES)
    except InputError:
        raise
    except NotImplementedError as error:
        raise InputError(
            f"{shown(path)}: MATLAB 7.3 files are not supported; save it with -v7."
        ) from error
    except MemoryError as error:
        raise InputError(f"{shown(path)}: damaged, larger than memory; save it again.") from error
    # SciPy's reader raises errors of any kind on a damaged file.
    except Exception as error:
        reason = shown(str(error).strip().split("\n")[0])[:100] or type(error).__name__
        raise InputError(
            f"{shown(path)}: not a readable MATLAB file ({reason}); save it again."
        ) from error
    if "joints" in content:
        return _lsp(path, content, index)
    if "RELEASE" in content:
        return _mpii(path, content["RELEASE"], index)
    raise InputError(
        f"{shown(path)}: no variable joints (Leeds Sports Pose) or RELEASE (MPII); add one."
    )


def _lsp(path: Path, content: dict[str, Any], index: ImageIndex) -> Poses:
    joints = np.asarray(content["joints"])
    axes = [axis for axis in range(2) if joints.ndim == 3 and joints.shape[axis] == _LSP_JOINTS]
    if len(axes) != 1 or joints.shape[1 - axes[0]] != 3 or joints.dtype.kind not in "iufb":
        raise InputError(
            f"{shown(path)}: the shape of joints must be {_LSP_JOINTS}×3×N (x, y, visibility), not "
            f"{'×'.join(map(str, joints.shape))}."
        )
    people = np.moveaxis(joints, (2, axes[0]), (0, 1)).astype(np.float64)
    images = _numbered_images(path, len(people), content.get("ids"), index)
    poses = Poses(path, JOINTS)
    for column, (person, image) in enumerate(zip(people, images, strict=True), 1):
        rows: list[Keypoint] = [(float(x), float(y), float(v)) for x, y, v in person]
        poses.poses.append(Pose(image, f"column {column}", rows))
    return poses


def _numbered_images(path: Path, count: int, ids: Any, index: ImageIndex) -> list[Path]:
    """Returns the image of each column, by its number in `ids`, else in order."""
    by_number: dict[int, Path] = {}
    images = sorted(index.images(), key=natural_key)
    for image in images:
        found = re.search(r"(\d{1,18})\D*$", image.stem)
        if found:
            by_number[int(found[1])] = image
    if ids is not None:
        numbers = np.asarray(ids).ravel()
        if len(numbers) != count or numbers.dtype.kind not in "iuf":
            raise InputError(f"{shown(path)}: ids must have {count} entries, not {len(numbers)}.")
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
    """Returns the people in MPII's training images; its test images have no joints."""
    poses = Poses(path, MPII_JOINTS, visibility="visible")
    try:
        release = release.ravel()[0]
        images, training = _elements(release.annolist), np.asarray(release.img_train).ravel()
    except (AttributeError, IndexError) as error:
        raise InputError(
            f"{shown(path)}: RELEASE has no annolist and img_train; use MPII's original file."
        ) from error
    if len(images) != len(training):
        raise InputError(
            f"{shown(path)}: annolist and img_train differ in length; use MPII's original file."
        )
    empty = 0
    for number, (image, train) in enumerate(zip(images, training, strict=True), 1):
        if not train:
            continue
        name = _single(getattr(_single(getattr(image, "image", None)), "name", None))
        people = _elements(getattr(image, "annorect", None))
        if not isinstance(name, str):
            poses.report(f"image {number}", "no name", "add it", "image")
            continue
        for rect, person in enumerate(people, 1):
            where = f"image {number}, person {rect}"
            points = getattr(_single(getattr(person, "annopoints", None)), "point", None)
            rows = _mpii_joints(_elements(points), where, poses)
            if rows is None:
                empty += 1
                continue
            file = index.find(name, f"{shown(path)}: {where}")
            poses.poses.append(Pose(file, where, rows, split="train"))
    if empty:
        poses.notes.append(f"{empty} people without joints were not read.")
    return poses


def _mpii_joints(points: list[Any], where: str, poses: Poses) -> list[Keypoint] | None:
    """Returns one keypoint per joint of MPII; None for a person without joints."""
    rows = [ABSENT] * len(MPII_JOINTS)
    for point in points:
        number = _number(getattr(point, "id", None))
        x, y = _number(getattr(point, "x", None)), _number(getattr(point, "y", None))
        if number is None or x is None or y is None or number not in range(len(MPII_JOINTS)):
            poses.report(where, "a point has no valid id, x and y", "correct it", "part")
            continue
        # Head joints have no flag in MPII; they come from the head's box and are visible.
        flag = _number(getattr(point, "is_visible", None))
        rows[int(number)] = (x, y, 1.0 if flag is None else flag)
    return rows if any(row is not ABSENT for row in rows) else None


def _elements(value: Any) -> list[Any]:
    """Returns the elements of a MATLAB struct array."""
    # None itself becomes an array of one None.
    return [item for item in np.asarray(value, object).ravel() if item is not None]


def _single(value: Any) -> Any:
    items = _elements(value)
    return items[0] if items else None


def _number(value: Any) -> float | None:
    """Returns a scalar, which MATLAB may store as text; None for an empty matrix."""
    items = np.asarray(value).ravel() if value is not None else np.zeros(0)
    try:
        return float(items[0]) if items.size == 1 else None
    except (TypeError, ValueError):
        return None
