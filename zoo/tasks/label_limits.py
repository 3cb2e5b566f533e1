"""The values that the labels of a target may have for a model, and the message about others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from zoo.tasks.sample_schema import SCHEMA


@dataclasses.dataclass(frozen=True)
class LabelLimit:
    """Limit of the values of a target, or of its rows.

    Attributes:
        key: key of the target.
        count: number of classes, tokens or keypoints of the model; values are below it.
        noun: what is counted, in the singular.
        argument: argument of the builder that decides the count.
        least: lowest value; −1 where it marks padding or an image without a label.
        ignored: further values, which losses ignore.
        rows: whether the limit is the number of rows, second to last axis, instead of the values.
    """

    key: str
    count: int
    noun: str = "class"
    argument: str = "num_classes"
    least: int = -1
    ignored: tuple[int, ...] = ()
    rows: bool = False

    def is_index(self, shape: Any) -> bool:
        """Returns whether targets of a shape are indices, instead of one value per class."""
        rank = len(SCHEMA[self.key].shape) + 1
        return len(shape) == rank or (len(shape) == rank + 1 and shape[-1] == 1)

    def row_problem(self, shape: Any) -> str:
        """Returns a message if targets of a shape have another number of rows; else nothing."""
        rows = shape[-2] if self.rows and len(shape) > 1 else None
        if rows is None or rows == self.count:
            return ""
        return (
            f"labels have {_counted(rows, self.noun)}, the model has "
            f"{_counted(self.count, self.noun)}; use {self.argument}={rows}."
        )

    def problem(self, values: Any) -> str:
        """Returns a message if an array of targets is beyond the limit; else nothing."""
        if self.rows:
            return self.row_problem(np.shape(values))
        values = np.asarray(values)
        if not self.is_index(values.shape) or not values.size or values.dtype.kind not in "iufb":
            return ""
        low, high = values.min(), values.max()
        if self.ignored and (low < self.least or high >= self.count):
            counted = values[~np.isin(values, self.ignored)]
            low, high = counted.min(initial=self.least), counted.max(initial=self.least)
        if high >= self.count:
            return "".join(self.too_high(str(int(high)), str(int(high) + 1)))
        return "".join(self.too_low(str(int(low)))) if low < self.least else ""

    def too_high(self, value: Any, count: Any) -> tuple[Any, ...]:
        """Returns the parts of the message about a label, as text, that needs `count` classes."""
        return (
            f"{_WORDS.get(self.key, 'labels')} go up to ",
            value,
            f", the model has {_counted(self.count, self.noun)}; use {self.argument}=",
            count,
            ", or correct the labels.",
        )

    def too_low(self, value: Any) -> tuple[Any, ...]:
        """Returns the parts of the message about a label, as text, below the least."""
        ignored = f" and {self.ignored[0]} for what is ignored" if self.ignored else ""
        return (
            f"{_WORDS.get(self.key, 'labels')} go down to ",
            value,
            f"; use {self.least} to {self.count - 1}{ignored}.",
        )


def keypoint_limit(count: int) -> LabelLimit:
    """Returns the limit of keypoints (…, K, 3) to K = `count`."""
    return LabelLimit("keypoints", count, "keypoint", "num_keypoints", rows=True)


_WORDS = {"captions": "token ids of captions"}


def _counted(number: int, noun: str) -> str:
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"
