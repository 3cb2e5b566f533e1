"""The lines of a YOLO label file: a class and a box, an outline, or a box and joints, in 0…1."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from training.data.sources.objects.annotations import Annotation
from zoo.files.file_names import shown

_FORMS = "CLASS and x y width height, or CLASS and three or more points x y"


@dataclasses.dataclass
class Labels:
    """What a label file has.

    Attributes:
        objects: of its lines, in order.
        faults: line, problem, remedy and what can be dropped, for everything that is wrong.
    """

    objects: list[Annotation] = dataclasses.field(default_factory=list)
    faults: list[tuple[str, str, str, str]] = dataclasses.field(default_factory=list)


def read_labels(text: str, classes: int | None, joints: tuple[int, int] | None = None) -> Labels:
    """Parses a label file; a line that cannot be read becomes a fault, never an error.

    Args:
        text: the content of the file.
        classes: how many there are; None where nobody says.
        joints: for a data set of poses, the number of joints and of numbers for each, 2 or 3.
    """
    labels = Labels()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        fields = tuple(line.split())
        if not fields:
            continue
        place = f"line {number}"
        if fields in seen:
            fault = (place, f"the same as line {seen[fields]}", "remove it", "object")
            labels.faults.append(fault)
        seen.setdefault(fields, number)
        problem = _read_line(fields, place, classes, joints, labels)
        if problem:
            labels.faults.append((place, *problem, "object"))
    return labels


def _read_line(
    fields: Sequence[str],
    place: str,
    classes: int | None,
    joints: tuple[int, int] | None,
    labels: Labels,
) -> tuple[str, str] | None:
    """Adds the object of a line; else returns problem and remedy."""
    try:
        values = [float(field) for field in fields]
    except ValueError:
        bad = next(field for field in fields if not _is_number(field))
        return f"{shown(bad)[:40]!r} is no number", f"write {_FORMS}"
    label = values[0]
    if not math.isfinite(label) or label != int(label) or label < 0:
        return f"class {label:g} is no whole number", f"write {_FORMS}"
    if classes is not None and label >= classes:
        return f"class {label:.0f} does not exist", f"classes go from 0 to {classes - 1}"
    item = Annotation((), int(min(label, 2**31 - 1)), place)
    count = len(values) - 1
    if joints is not None:
        wanted = 4 + joints[0] * joints[1]
        if count != wanted:
            return f"{count} numbers after the class", f"{wanted} are expected, see kpt_shape"
        item.keypoints = _joints(values[5:], joints[1], place, labels)
    elif count == 5:
        return "5 numbers after the class, as in predictions", "take the score at the end out"
    elif count != 4 and (count < 6 or count % 2):
        return f"{count} numbers after the class", f"write {_FORMS}"
    if count == 4 or joints is not None:
        x, y, width, height = values[1:5]
        item.box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    else:
        xs, ys = values[1::2], values[2::2]
        item.box = (min(xs), min(ys), max(xs), max(ys))
        if all(map(math.isfinite, values)):
            item.polygons = (values[1:],)
        else:
            item.box = (math.nan,) * 4
    labels.objects.append(item)
    return None


def _joints(values: list[float], each: int, place: str, labels: Labels) -> list[float]:
    """x, y, visibility of each joint; two numbers a joint are absent where both are 0."""
    flat: list[float] = []
    for start in range(0, len(values), each):
        x, y, *rest = values[start : start + each]
        seen = rest[0] if rest else 2.0 * (x != 0 or y != 0)
        inside = 0 <= x <= 1 and 0 <= y <= 1
        if seen not in (0, 1, 2) or (seen and not inside):
            problem = f"joint {start // each} is ({x:g}, {y:g}) with visibility {seen:g}"
            remedy = "write x and y in 0…1 and visibility 0, 1 or 2"
            labels.faults.append((place, problem, remedy, "part"))
            seen = 0
        flat += [x, y, seen] if seen else [0.0, 0.0, 0.0]
    return flat


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
