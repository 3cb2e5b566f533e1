"""Lines of a YOLO label file: a class with a box, an outline, or a box and keypoints, in 0…1."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from training.data.sources.objects.annotations import Annotation
from training.data.sources.reading.defects import Defect
from zoo.files.file_names import shown

_FORMS = "CLASS and x y width height, or CLASS and three or more points x y"


@dataclasses.dataclass
class Labels:
    """Annotations of the lines, in order, and defects, without file and split.

    The annotation of a line with a defect is difficult if its box can be read; others have none.
    """

    annotations: list[Annotation] = dataclasses.field(default_factory=list)
    defects: list[Defect] = dataclasses.field(default_factory=list)

    def report(self, line: str, problem: str, remedy: str, drop: str = "object") -> None:
        """Adds a defect of a line."""
        self.defects.append(Defect(problem, remedy, line, drop=drop))


def read_labels(text: str, classes: int | None, keypoints: tuple[int, int] | None = None) -> Labels:
    """Parses a label file; a line that cannot be read becomes a defect.

    `classes` is None if unknown; `keypoints` is their number and that of values for each, 2 or 3.
    """
    labels = Labels()
    first_lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        fields = tuple(line.split())
        if not fields:
            continue
        name = f"line {number}"
        if fields in first_lines:
            labels.report(name, f"the same as line {first_lines[fields]}", "remove it")
        first_lines.setdefault(fields, number)
        found = _read_line(fields, name, classes, keypoints, labels)
        if found:
            labels.report(name, *found)
    return labels


def _read_line(
    fields: Sequence[str],
    name: str,
    classes: int | None,
    keypoints: tuple[int, int] | None,
    labels: Labels,
) -> tuple[str, str] | None:
    """Adds the annotation of a line; returns problem and remedy if it is wrong."""
    values = []
    for field in fields[1:]:
        try:
            values.append(float(field))
        except ValueError:
            return f"{shown(field)[:40]!r} is not a number", f"write {_FORMS}"
    item = Annotation((), -1, name)
    found = _read_class(fields[0], classes, item)
    count = len(values)
    if keypoints is not None:
        required = 4 + keypoints[0] * keypoints[1]
        if count != required:
            found = f"{count} numbers after the class", f"write {required} numbers, see kpt_shape"
        elif not found:
            item.keypoints = _keypoints(values[4:], keypoints[1], name, labels)
    elif count == 5:
        found = "5 numbers after the class, as in predictions", "remove the score at the end"
    elif count != 4 and (count < 6 or count % 2):
        return f"{count} numbers after the class", f"write {_FORMS}"
    if count < 4:
        return found
    if count in (4, 5) or keypoints is not None:
        x, y, width, height = values[:4]
        item.box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif all(map(math.isfinite, values)):
        xs, ys = values[::2], values[1::2]
        item.box = (min(xs), min(ys), max(xs), max(ys))
        item.polygons = (values,)
    else:
        item.box = (math.nan,) * 4
    # The object of a wrong line is not a target, but no background either.
    item.difficult = bool(found)
    labels.annotations.append(item)
    return found


def _read_class(field: str, classes: int | None, item: Annotation) -> tuple[str, str] | None:
    """Sets the class of an annotation, or returns problem and remedy."""
    try:
        label = float(field)
    except ValueError:
        return f"{shown(field)[:40]!r} is not a number", f"write {_FORMS}"
    if not math.isfinite(label) or label != int(label) or label < 0:
        return f"class {label:g} is not a class index", f"write {_FORMS}"
    if classes is not None and label >= classes:
        return f"class {label:.0f} does not exist", f"use a class from 0 to {classes - 1}"
    item.label = int(min(label, 2**31 - 1))
    return None


def _keypoints(values: list[float], size: int, name: str, labels: Labels) -> list[float]:
    """Returns x, y, visibility of each keypoint; without visibility, (0, 0) is absent."""
    flat: list[float] = []
    for start in range(0, len(values), size):
        x, y, *rest = values[start : start + size]
        visibility = rest[0] if rest else 2.0 * (x != 0 or y != 0)
        inside = 0 <= x <= 1 and 0 <= y <= 1
        if visibility not in (0, 1, 2) or (visibility and not inside):
            problem = f"keypoint {start // size} is ({x:g}, {y:g}) with visibility {visibility:g}"
            remedy = "write x and y in 0…1 and visibility 0, 1 or 2"
            labels.report(name, problem, remedy, "part")
            visibility = 0
        flat += [x, y, visibility] if visibility else [0.0, 0.0, 0.0]
    return flat
