"""The check of a data set in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from training.data.checking.sample_checks import sample_defects
from training.data.checking.sample_loading import LoadedSample, load_samples
from training.data.checking.statistics import SplitStatistics
from training.data.sources.reading.defects import Defect
from training.data.sources.source import Source

_UNITS = {"segmentation": "pixels", "labels": "objects", "label": "images"}


@dataclasses.dataclass
class Report:
    """Contents and defects of a data set.

    Attributes:
        source: data set.
        splits: statistics by split.
        defects: all defects, in the order of the data.
    """

    source: Source
    splits: dict[str, SplitStatistics]
    defects: list[Defect]

    @property
    def droppable(self) -> int:
        """Number of defects that `drop_bad=1` removes."""
        return sum(1 for defect in self.defects if defect.drop)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain values, for `zoo data --json`."""
        source = self.source
        return {
            "data": source.spec,
            "keys": list(source.keys),
            "classes": list(source.class_names),
            "object_classes": list(source.object_names),
            "label_classes": list(source.label_names),
            "keypoints": list(source.keypoint_names),
            "notes": list(source.notes),
            "splits": {s: found.to_json(source.sizes[s]) for s, found in self.splits.items()},
            "defects": [{**dataclasses.asdict(d), "text": str(d)} for d in self.defects],
        }


def check(
    source: Source,
    splits: Sequence[str],
    labels_only: bool = False,
    each: Callable[[str, int, LoadedSample, bool], None] | None = None,
) -> Report:
    """Checks every record of some splits, in constant memory.

    Besides the defects that the source found when it was opened, these are images that cannot be
    read, wrong image sizes, classes that do not exist, boxes and keypoints outside of the image,
    masks that do not match their boxes, the same image in two splits, and classes without training
    samples.

    Args:
        source: data set.
        splits: names of the splits.
        labels_only: whether to read only labels and image headers, see `load_samples`.
        each: function called in order with split, index, sample and whether it has a defect.

    Raises:
        InputError: if there is no such split, or its records cannot be iterated over.
    """
    report = Report(source, {}, [d for d in source.defects if not d.split or d.split in splits])
    images: dict[bytes, tuple[str, str]] = {}
    for split in splits:
        statistics = report.splits[split] = SplitStatistics(source)
        # Some sources also inspect the image headers.
        header_defects = list(getattr(source, "check_image_headers", lambda split: ())(split))
        report.defects += header_defects
        unreadable = {defect.file for defect in header_defects}
        for number, loaded in enumerate(load_samples(source, split, labels_only)):
            found = _defects_of(source, split, loaded)
            if loaded.error and loaded.name in unreadable:
                found = []
            if not loaded.error:
                statistics.add(loaded)
                found += _duplicates(split, loaded, images)
            report.defects += found
            if each:
                # Sources set the label to −1 for objects with a defect only.
                dropped = (loaded.sample.get("labels", np.zeros(0)) < 0).any()
                each(split, number, loaded, bool(found or dropped))
    report.defects += _untrained_classes(report)
    return report


def _defects_of(source: Source, split: str, loaded: LoadedSample) -> list[Defect]:
    if loaded.error:
        text = loaded.error.removeprefix(f"{loaded.name}: ").strip()
        problem, _, remedy = text.partition("; ")
        remedy = remedy.rstrip(".") or "correct or remove it"
        return [Defect(problem.rstrip("."), remedy, file=loaded.name, split=split)]
    return [
        dataclasses.replace(defect, file=loaded.name, split=split)
        for defect in sample_defects(loaded, source)
    ]


def _duplicates(
    split: str, loaded: LoadedSample, images: dict[bytes, tuple[str, str]]
) -> Iterator[Defect]:
    """Yields a defect if another split has the same image, which biases results."""
    if not loaded.digest:
        return
    first, name = images.setdefault(loaded.digest, (split, loaded.name))
    if first != split:
        yield Defect(
            f"the same image as {name} in {first}",
            "keep it in one split only",
            file=loaded.name,
            split=split,
        )


def _untrained_classes(report: Report) -> Iterator[Defect]:
    """Yields the classes that occur in another split but not in train."""
    train = report.splits.get("train")
    if train is None:
        return
    for key in train.keys & set(_UNITS):
        trained = train.class_counts(key)
        for split, found in report.splits.items():
            for name, count in found.class_counts(key).items():
                if count and not trained.get(name):
                    yield Defect(
                        f"absent in train, but {count} {_UNITS[key]} in {split}",
                        "move some of them to train, or remove the class",
                        f"class {name}",
                        report.source.spec,
                        split,
                    )
