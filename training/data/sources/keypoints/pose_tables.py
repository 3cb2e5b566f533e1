"""Poses in a CSV table: one person a line, `JOINT_x`, `JOINT_y` and perhaps `JOINT_v` columns."""

from __future__ import annotations

import math
import re

from training.data.sources.keypoints.poses import ABSENT, Joint, Pose, Poses
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.table_columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    box_columns,
    box_of,
    number_of,
)
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import Table

_PART = re.compile(r"(.+)[_. -](x|y|v|vis|visible|visibility)", re.IGNORECASE)


def is_pose_table(table: Table) -> bool:
    """Whether a table has joints."""
    return bool(_joint_columns(table)) and table.column(*IMAGE_COLUMNS) is not None


def read_pose_table(table: Table, index: ImageIndex) -> Poses:
    """Poses of a table; lines that cannot be read become faults.

    Raises:
        InputError: a column is missing, or an image's name leaves the data folder.
    """
    joints = _joint_columns(table)
    image = table.column(*IMAGE_COLUMNS)
    if not joints or image is None:
        raise InputError(
            f"{shown(table.path)}: expected a column {'name' if joints else 'JOINT_x'}; a table of "
            "poses has the columns name, split, JOINT_x, JOINT_y, JOINT_v for each joint."
        )
    for name, parts in joints.items():
        for part in "xy":
            if part not in parts:
                raise InputError(f"{shown(table.path)}: joint {shown(name)} has no column {part}.")
    split, label, box = (
        table.column(*SPLIT_COLUMNS),
        table.column(*LABEL_COLUMNS),
        box_columns(table),
    )
    used = {image, split, label, *(box or ()), *(i for p in joints.values() for i in p.values())}
    unused = [name for i, name in enumerate(table.columns) if i not in used]
    poses = Poses(table.path, tuple(joints))
    if unused:
        poses.notes.append(f"columns that are not read: {', '.join(map(shown, unused))}")
    for line, count in table.uneven:
        problem = f"{count} fields, not the {len(table.columns)} of the head"
        poses.faults.append((f"line {line}", problem, "give every column a field", "image"))
    for line, fields in table.rows:
        record = f"line {line}"
        if not fields[image]:
            poses.faults.append((record, "no image is named", "name one", "image"))
            continue
        pose = Pose(index.find(fields[image], f"{shown(table.path)}, {record}"), record, [])
        for name, parts in joints.items():
            pose.joints.append(_joint(fields, name, parts, record, poses))
        pose.split = fields[split].lower() if split is not None else ""
        pose.label = fields[label] if label is not None else ""
        if box:
            pose.box = box_of(fields, box)
        poses.poses.append(pose)
    return poses


def _joint_columns(table: Table) -> dict[str, dict[str, int]]:
    """Positions of the columns x, y, v of each joint."""
    joints: dict[str, dict[str, int]] = {}
    for place, name in enumerate(table.columns):
        found = _PART.fullmatch(name)
        if found and found[1].lower() not in ("box", "bbox"):
            joints.setdefault(found[1], {})[found[2][0].lower()] = place
    # Something without a position is no joint, only a name that ends alike.
    return {name: parts for name, parts in joints.items() if set(parts) != {"v"}}


def _joint(fields: list[str], name: str, parts: dict[str, int], record: str, poses: Poses) -> Joint:
    """A joint; one without coordinates is absent, one without a mark is there."""
    values: dict[str, float] = {}
    for part, place in parts.items():
        value = number_of(fields[place])
        if value is None:
            column = poses.joint_names.index(name)
            problem = f"{shown(name)}_{part} (joint {column}) is {shown(fields[place])[:40]!r}"
            poses.faults.append((record, problem, "give a number or nothing", "part"))
            return ABSENT
        values[part] = value
    x, y, mark = values["x"], values["y"], values.get("v")
    if math.isnan(x) and math.isnan(y) and not mark:
        return ABSENT
    if mark is None or math.isnan(mark):
        # Without a column of marks, a position is the mark.
        return (x, y, 2.0 if mark is None else 0.0)
    return (x, y, mark)
