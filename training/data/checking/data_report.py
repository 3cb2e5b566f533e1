"""`check`: one pass through a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from training.data.checking.sample_checks import faults
from training.data.checking.sample_reading import Reading, read
from training.data.checking.statistics import SplitStatistics
from training.data.sources.reading.defects import Defect
from training.data.sources.source import Source

_UNITS = {"segmentation": "pixels", "labels": "objects", "label": "images"}


@dataclasses.dataclass
class Report:
    """What is in a data set and what is wrong with it.

    Attributes:
        source: the data set.
        splits: statistics of each split that was read.
        defects: all of them, in the order of the data.
    """

    source: Source
    splits: dict[str, SplitStatistics]
    defects: list[Defect]

    @property
    def droppable(self) -> int:
        """How many of the defects `drop_bad=1` leaves out."""
        return sum(1 for defect in self.defects if defect.drop)

    def to_json(self) -> dict[str, Any]:
        """The object that `zoo data --json` prints."""
        source = self.source
        return {
            "data": source.spec,
            "keys": list(source.keys),
            "classes": list(source.class_names),
            "object_classes": list(source.object_names),
            "label_classes": list(source.label_names),
            "joints": list(source.joint_names),
            "notes": list(source.notes),
            "splits": {s: found.to_json(source.sizes[s]) for s, found in self.splits.items()},
            "defects": [{**dataclasses.asdict(d), "text": str(d)} for d in self.defects],
        }


def check(
    source: Source,
    splits: Sequence[str],
    labels_only: bool = False,
    workers: int | None = None,
    each: Callable[[str, int, Reading, bool], None] | None = None,
) -> Report:
    """Reads every record of some splits once, several at a time; memory does not grow with them.

    Besides what the source found when it was opened, defects are images that cannot be read,
    sizes that differ from the stated ones, classes that do not exist, boxes and joints outside the
    image, masks that do not match their boxes, the same image in two splits, and classes that
    training never sees.

    Args:
        source: the data set.
        splits: those to read.
        labels_only: decode no image and no map, see `read`.
        workers: records to read at once; None for one a CPU core.
        each: called with split, number in it, reading and whether it has a defect, one by one.

    Raises:
        InputError: no such split, or its records cannot be gone through.
    """
    report = Report(source, {}, [d for d in source.defects if not d.split or d.split in splits])
    images: dict[bytes, tuple[str, str]] = {}
    for split in splits:
        statistics = report.splits[split] = SplitStatistics(source)
        of_heads = _of_heads(source, split)
        report.defects += of_heads
        unreadable = {defect.file for defect in of_heads}
        for number, reading in enumerate(read(source, split, labels_only, workers)):
            found = _defects_of(source, split, reading)
            if reading.complaint and reading.name in unreadable:
                found = []
            if not reading.complaint:
                statistics.add(reading)
                found += _again(split, reading, images)
            report.defects += found
            if each:
                # A reader leaves no other rows without a label than those it found wanting.
                wanting = (reading.sample.get("labels", np.zeros(0)) < 0).any()
                each(split, number, reading, bool(found or wanting))
    report.defects += _unseen(report)
    return report


def _of_heads(source: Source, split: str) -> list[Defect]:
    """What the heads of the image files tell, of sources that look at them."""
    inspect: Callable[[str], Iterator[Defect]] | None = getattr(source, "inspect", None)
    return list(inspect(split)) if inspect else []


def _defects_of(source: Source, split: str, reading: Reading) -> list[Defect]:
    if reading.complaint:
        text = reading.complaint.removeprefix(f"{reading.name}: ").strip()
        problem, _, remedy = text.partition("; ")
        remedy = remedy.rstrip(".") or "mend or remove it"
        return [Defect(split, reading.name, "", problem.rstrip("."), remedy)]
    return [
        Defect(split, reading.name, fault.record, fault.problem, fault.remedy)
        for fault in faults(reading, source)
    ]


def _again(split: str, reading: Reading, images: dict[bytes, tuple[str, str]]) -> Iterator[Defect]:
    """The same pixels in another split, where they make results look better than they are."""
    if not reading.digest:
        return
    first, name = images.setdefault(reading.digest, (split, reading.name))
    if first != split:
        yield Defect(
            *(split, reading.name, "", f"the same image as {name} in {first}"),
            "keep it in one split only",
        )


def _unseen(report: Report) -> Iterator[Defect]:
    """Classes that occur in another split but never in train."""
    train = report.splits.get("train")
    if train is None:
        return
    for key in train.keys & set(_UNITS):
        taught = train.seen(key)
        for split, found in report.splits.items():
            for name, count in found.seen(key).items():
                if count and not taught.get(name):
                    yield Defect(
                        *(split, report.source.spec, f"class {name}"),
                        f"never seen in train, but {count} {_UNITS[key]} of it in {split}",
                        "move some of them to train, or leave the class out",
                    )
