"""The check of a data set in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from training.data.checking.image_file_notes import ImageFileNotes
from training.data.checking.near_duplicates import HashIndex, SameImage
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
        notes: remarks on how image files were read, each a sentence.
        same_images: images that are, or nearly are, in two splits; each is a defect as well.
    """

    source: Source
    splits: dict[str, SplitStatistics]
    defects: list[Defect]
    notes: list[str] = dataclasses.field(default_factory=list)
    same_images: list[SameImage] = dataclasses.field(default_factory=list)

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
            "notes": [*source.notes, *self.notes],
            "splits": {s: found.to_json(source.sizes[s]) for s, found in self.splits.items()},
            "same_images": [dataclasses.asdict(same) for same in self.same_images],
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
    masks that do not match their boxes, the same or nearly the same image in two splits, and
    classes without training samples.

    Args:
        source: data set.
        splits: names of the splits.
        labels_only: whether to read only labels and image headers, see `load_samples`.
        each: function called in order with split, index, sample and whether it has a defect.

    Raises:
        InputError: if there is no such split, or its records cannot be iterated over.
    """
    report = Report(source, {}, [d for d in source.defects if not d.split or d.split in splits])
    images: dict[bytes, tuple[str, int, str]] = {}
    known = {(defect.file, defect.split) for defect in source.defects}
    hashes = HashIndex() if len(splits) > 1 and not labels_only else None
    image_files = ImageFileNotes()
    for split in splits:
        statistics = report.splits[split] = SplitStatistics(source)
        # Some sources also inspect the image headers.
        header_defects = list(getattr(source, "check_image_headers", lambda split: ())(split))
        report.defects += header_defects
        unreadable = {defect.file for defect in header_defects}
        for number, loaded in enumerate(
            load_samples(source, split, labels_only, None, hashes is not None)
        ):
            found = _defects_of(source, split, loaded)
            if loaded.error and loaded.name in unreadable:
                found = []
            if not loaded.error:
                statistics.add(loaded)
                image_files.add(loaded)
                same = _same_image(split, number, loaded, images)
                if same:
                    report.same_images.append(same)
                    # The source reports a file in two splits itself.
                    if same.name != same.other_name or (same.name, split) not in known:
                        found.append(_defect_of(same))
                elif hashes is not None and loaded.hash is not None:
                    hashes.add(split, number, loaded.name, loaded.hash)
            report.defects += found
            if each:
                # Sources set the label to −1 for objects with a defect only.
                dropped = (loaded.sample.get("labels", np.zeros(0)) < 0).any()
                each(split, number, loaded, bool(found or dropped))
    report.notes += image_files.notes()
    near = list(hashes.near_duplicates()) if hashes else []
    report.same_images += near
    report.defects += map(_defect_of, near)
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


def _same_image(
    split: str, index: int, loaded: LoadedSample, images: dict[bytes, tuple[str, int, str]]
) -> SameImage | None:
    """Returns the place of the same pixels in another split, or None; both bias results."""
    if not loaded.digest:
        return None
    other, place, name = images.setdefault(loaded.digest, (split, index, loaded.name))
    return None if other == split else SameImage(split, index, loaded.name, other, place, name)


def _defect_of(same: SameImage) -> Defect:
    kind = "nearly the same image" if same.bits else "the same image"
    return Defect(
        f"{kind} as {same.other_name} in {same.other_split}",
        "keep both in one split, such as with split=group:PATTERN",
        file=same.name,
        split=same.split,
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
