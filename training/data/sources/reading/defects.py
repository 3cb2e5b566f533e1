"""What is wrong with a label, said so that somebody can mend it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Defect:
    """One thing wrong with a data set.

    Attributes:
        split: of the record; empty where the whole data set is meant.
        file: the file to mend, as the user would find it.
        record: which entry of it: an id, a line, an object's number; empty for the whole file.
        problem: what is wrong, in a few words, with the values found.
        remedy: what would be right.
        drop: what `drop_bad` leaves out: `"object"`, `"image"`, `"part"` for no more than the
            part outside the image, which no sample has anyway, or `""` where nothing can be left
            out safely and the file must be mended.
    """

    split: str
    file: str
    record: str
    problem: str
    remedy: str
    drop: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, {self.record}" if self.record else self.file
        return f"{place}: {self.problem}; {self.remedy}"
