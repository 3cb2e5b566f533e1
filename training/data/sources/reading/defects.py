"""Defects of label and image files."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Defect:
    """One problem in a data set; its text is `file: record: problem; remedy.`

    Attributes:
        problem: short description of the problem, with the values found.
        remedy: correction, as an imperative.
        record: entry of the file, such as an id, a line or an object index; empty for the whole
            file.
        file: path of the file to correct.
        split: split of the record; empty for the whole data set.
        drop: what `drop_bad=1` removes: `"object"`, `"image"`, `"part"` (only the part outside the
            image, or an invalid outline, which no sample contains anyway), or `""` if nothing can
            be removed safely.
        unused: what no sample contains because of the defect: `"image"`, `"object"`, or `""` if
            all is used.
    """

    problem: str
    remedy: str
    record: str = ""
    file: str = ""
    split: str = ""
    drop: str = ""
    unused: str = ""

    def __str__(self) -> str:
        place = [part for part in (self.file, self.record) if part]
        return ": ".join([*place, f"{self.problem}; {self.remedy}."])


def summary(defects: Iterable[Defect], spec: str) -> str:
    """Returns how many defects a data set has, and what is not used because of them, in one line.

    Empty without defects; `spec` is the name of the data set.
    """
    defects = list(defects)
    if not defects:
        return ""
    parts = []
    for kind in ("image", "object"):
        places = {(d.split, d.file, d.record) for d in defects if d.unused == kind}
        if places:
            parts.append(counted(len(places), kind))
    total = sum(int(part.split()[0]) for part in parts)
    unused = f": {' and '.join(parts)} {'is' if total == 1 else 'are'} not used" if parts else ""
    found = f"{counted(len(defects), 'defect')} in the labels{unused}"
    return f"{found}; {listing(spec)} lists {'it' if len(defects) == 1 else 'them'}."


def listing(spec: str) -> str:
    """Returns the command that lists the defects of a data set, in backquotes."""
    return f"`zoo data {shlex.quote(spec)}`"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as `2 images`."""
    return f"{number} {noun}{'s' * (number != 1)}"
