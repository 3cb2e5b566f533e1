"""Poses in a CSV table: one person per line, columns `NAME_x`, `NAME_y`, optionally `NAME_v`."""

from __future__ import annotations

import dataclasses
import math
import re

from training.data.sources.keypoints.poses import ABSENT, Keypoint, Pose, Poses
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.table_columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    box_columns,
    parse_box,
    parse_number,
    uneven_rows,
)
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import Table

_PART = re.compile(r"(.+)[_. -](x|y|v|vis|visible|visibility)", re.IGNORECASE)


def is_pose_table(table: Table) -> bool:
    """Returns whether a table has columns of keypoints and images."""
    return bool(_keypoint_columns(table)) and table.column(*IMAGE_COLUMNS) is not None


def read_pose_table(table: Table, index: ImageIndex) -> Poses:
    """Returns the poses of a table; lines that cannot be read become defects."""
    keypoints = _keypoint_columns(table)
    image = table.column(*IMAGE_COLUMNS)
    if not keypoints or image is None:
        raise InputError(
            f"{shown(table.path)}: no column {'image' if keypoints else 'NAME_x'}; a table of "
            "poses has columns image and, for each keypoint, NAME_x, NAME_y, optionally NAME_v."
        )
    for name, parts in keypoints.items():
        for part in "xy":
            if part not in parts:
                raise InputError(
                    f"{shown(table.path)}: keypoint {shown(name)} has no column {part}; add it."
                )
    split, label = table.column(*SPLIT_COLUMNS), table.column(*LABEL_COLUMNS)
    box = box_columns(table)
    used = {image, split, label, *(box or ()), *(i for p in keypoints.values() for i in p.values())}
    unused = [name for i, name in enumerate(table.columns) if i not in used]
    poses = Poses(table.path, tuple(keypoints))
    if unused:
        poses.notes.append(f"columns that are not read: {', '.join(map(shown, unused))}.")
    file = shown(table.path)
    poses.defects += [dataclasses.replace(defect, file=file) for defect in uneven_rows(table)]
    for line, fields in table.rows:
        where = f"line {line}"
        if not fields[image]:
            poses.report(where, "no image", "name one", "image")
            continue
        pose = Pose(index.find(fields[image], f"{file}: {where}"), where, [])
        for name, parts in keypoints.items():
            pose.keypoints.append(_keypoint(fields, name, parts, where, poses))
        pose.split = fields[split].lower() if split is not None else ""
        pose.label = fields[label] if label is not None else ""
        if box:
            pose.box = parse_box(fields, box)
        poses.poses.append(pose)
    return poses


def _keypoint_columns(table: Table) -> dict[str, dict[str, int]]:
    """Returns the indices of the columns x, y, v of each keypoint."""
    keypoints: dict[str, dict[str, int]] = {}
    for index, name in enumerate(table.columns):
        found = _PART.fullmatch(name)
        if found and found[1].lower() not in ("box", "bbox"):
            keypoints.setdefault(found[1], {})[found[2][0].lower()] = index
    # A column such as `bus_v` without positions does not belong to a keypoint.
    return {name: parts for name, parts in keypoints.items() if set(parts) != {"v"}}


def _keypoint(
    fields: list[str], name: str, parts: dict[str, int], where: str, poses: Poses
) -> Keypoint:
    """Returns a keypoint; absent without coordinates, present without a visibility column."""
    values: dict[str, float] = {}
    for part, column in parts.items():
        value = parse_number(fields[column])
        if value is None:
            index = poses.keypoint_names.index(name)
            problem = f"{shown(name)}_{part} (keypoint {index}) is {shown(fields[column])[:40]!r}"
            poses.report(where, problem, "write a number or leave it empty", "part")
            return ABSENT
        values[part] = value
    x, y, flag = values["x"], values["y"], values.get("v")
    if math.isnan(x) and math.isnan(y) and not flag:
        return ABSENT
    if flag is None or math.isnan(flag):
        return (x, y, 2.0 if flag is None else 0.0)
    return (x, y, flag)
