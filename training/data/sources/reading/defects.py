"""Defects of label and image files."""

from __future__ import annotations

import dataclasses


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
            image, which no sample contains anyway), or `""` if nothing can be removed safely.
    """

    problem: str
    remedy: str
    record: str = ""
    file: str = ""
    split: str = ""
    drop: str = ""

    def __str__(self) -> str:
        place = [part for part in (self.file, self.record) if part]
        return ": ".join([*place, f"{self.problem}; {self.remedy}."])
