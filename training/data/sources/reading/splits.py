"""Splits of a data set: their names, their lists, and a fixed validation split."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.options import read_fraction
from training.data.sources.reading.partitions import cut, cut_groups, cut_stratified, hash_rank
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_METHODS = ("hash", "block", "stratified")
_GROUP = "group:"
Item = TypeVar("Item")
Classes = Sequence[Collection[Hashable]]


class Reader(Protocol):
    """The part of a `FileSource` that splits need."""

    root: Path
    notes: list[str]

    def report(self, defect: Defect) -> bool:
        """Records a defect; returns whether to drop the object or image."""


def split_from_name(name: str) -> str:
    """Returns the split that a word such as `Valid` stands for, or an empty string."""
    word = name.lower()
    return next((split for split, names in SPLIT_NAMES.items() if word in names), "")


def split_lists(root: Path, folders: tuple[str, ...] = ("", "splits")) -> dict[str, Path]:
    """Returns the files `train.txt`, `val.txt`, … of the first folder that has any, by split."""
    for folder in folders:
        lists = {}
        for split, names in SPLIT_NAMES.items():
            paths = (root / folder / f"{name}.txt" for name in names)
            # A list that cannot be read is an error, not a split less.
            if path := next((path for path in paths if os.path.lexists(path)), None):
                lists[split] = path
        if lists:
            return lists
    return {}


@dataclasses.dataclass(frozen=True)
class SplitRule:
    """Division of the images into `train` and `val`, for a data set that names no other split.

    Attributes:
        val: fraction of the images to validate on, as text.
        split: `hash` (by a hash of the names), `block` (the last images), `stratified` (each class
            in proportion), or `group:PATTERN`: images stay together if their paths below the data
            folder have the same match of a regular expression, or of its first group in
            parentheses.
        fold: `K/N` to validate on the K-th of N parts, from 1, instead of a fraction; images of
            named splits `train` and `val` are then divided anew.

    Raises:
        InputError: if one of the texts is not of this form.
    """

    val: str = "0.2"
    split: str = "hash"
    fold: str = ""

    def __post_init__(self) -> None:
        read_fraction("val", self.val)
        self.fold_numbers()
        if self.pattern() is None and self.split not in _METHODS:
            check_choice("split", self.split, (*_METHODS, f"{_GROUP}PATTERN"))

    def fold_numbers(self) -> tuple[int, int]:
        """Returns K and N of `fold`; (0, 0) without folds."""
        if not self.fold:
            return 0, 0
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", self.fold, re.ASCII)
        numbers = (int(found[1]), int(found[2])) if found else (0, 0)
        if not (1 <= numbers[0] <= numbers[1] and numbers[1] >= 2):
            raise InputError(
                f"fold must be K/N with K from 1 to N, such as 2/5, not {self.fold!r}."
            )
        return numbers

    def pattern(self) -> re.Pattern[str] | None:
        """Returns the regular expression of `group:PATTERN`; None for other methods."""
        if not self.split.startswith(_GROUP):
            return None
        text = self.split.removeprefix(_GROUP)
        try:
            pattern = re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise InputError(
                f"split: {text!r} is not a regular expression ({error}); correct it."
            ) from error
        if not text:
            raise InputError(f"split: {_GROUP} needs a pattern, such as {_GROUP}video[0-9]*.")
        return pattern

    def validated(
        self, names: Sequence[str], groups: Sequence[str], classes: Classes | None
    ) -> list[bool]:
        """Returns for each image whether it is for validation.

        Args:
            names: names to hash.
            groups: groups of the images; empty without groups.
            classes: classes of each image, for `stratified`.
        """
        fold, folds = self.fold_numbers()
        sizes = _sizes(len(names), self.val, folds)
        order = list(range(len(names)))
        if self.split != "block":
            order.sort(key=lambda index: hash_rank(names[index]))
        if groups:
            parts = cut_groups(groups, sizes)
        elif classes is not None:
            parts = cut_stratified(classes, order, sizes)
        else:
            parts = cut(order, sizes)
        return [part == (fold - 1 if folds else 1) for part in parts]


def validation_count(val: str, samples: int) -> int:
    """Returns the number of validation samples for a fraction `val`, from 1 to `samples` − 1."""
    return min(max(1, round(read_fraction("val", val) * samples)), samples - 1)


def _sizes(count: int, val: str, folds: int) -> list[int]:
    """Returns the number of images of `train` and `val`, or of each fold."""
    if not folds:
        held = validation_count(val, count)
        return [count - held, held]
    ends = [round(count * number / folds) for number in range(folds + 1)]
    return [end - start for start, end in itertools.pairwise(ends)]


def apply_rule(
    splits: dict[str, list[Item]],
    reader: Reader,
    rule: SplitRule,
    file_of: Callable[[Item], Path],
    classes_of: Callable[[list[Item]], Classes] | None = None,
) -> dict[str, list[Item]]:
    """Divides `train` into `train` and `val` if the data set names no other split.

    A named split is kept, even empty; folds divide the images of `train` and `val` anew.

    Args:
        splits: items by split.
        reader: data set, for defects and notes.
        rule: how to divide.
        file_of: function that returns the image file of an item.
        classes_of: function that returns the classes of each item, for `stratified`; None if they
            are unknown.
    """
    if rule.fold:
        if splits.get("val"):
            reader.notes.append(f"fold={rule.fold}: train and val are divided anew.")
        items = [*splits.get("train", []), *splits.get("val", [])]
        others = {name: part for name, part in splits.items() if name not in ("train", "val")}
        return {**split_off_validation(items, reader, rule, file_of, classes_of), **others}
    if set(splits) == {"train"}:
        return split_off_validation(splits["train"], reader, rule, file_of, classes_of)
    splits = without_overlaps(splits, reader, file_of)
    for option, given in (("val", rule.val != "0.2"), ("split", rule.split != "hash")):
        if given:
            reader.notes.append(f"{option} is not used: the data set names its splits.")
    return splits


def without_overlaps(
    splits: dict[str, list[Item]], reader: Reader, file_of: Callable[[Item], Path]
) -> dict[str, list[Item]]:
    """Reports images in more than one split, which biases results; drops all but the first."""
    first: dict[Path, str] = {}
    kept: dict[str, list[Item]] = {}
    for split, items in splits.items():
        files = [file_of(item) for item in items]
        known = {file: first[file] for file in dict.fromkeys(files) if file in first}
        dropped = set()
        for file, other in known.items():
            problem, remedy = f"in {other} and in {split}", "keep it in one split only"
            where = {"file": shown(file), "split": split, "drop": "image"}
            if reader.report(Defect(problem, remedy, **where)):
                dropped.add(file)
        first.update((file, split) for file in files if file not in known)
        pairs = zip(items, files, strict=True)
        kept[split] = [i for i, file in pairs if file not in dropped] if dropped else items
    return kept


def split_off_validation(
    items: list[Item],
    reader: Reader,
    rule: SplitRule,
    file_of: Callable[[Item], Path],
    classes_of: Callable[[list[Item]], Classes] | None = None,
    name_of: Callable[[Item], str] = lambda item: "",
) -> dict[str, list[Item]]:
    """Splits items into `train` and `val`, always in the same way; for arguments see `apply_rule`.

    With too few items, all are in `train`, and a defect of `val` is reported. `name_of` returns the
    text to hash, by default the stem of the file.
    """
    if rule.split == "stratified" and classes_of is None:
        raise InputError(
            f"{shown(reader.root)}: split=stratified needs classes, but the labels have none; use "
            f"hash, block or {_GROUP}PATTERN."
        )
    if not items:
        return {"train": [], "val": []}
    files = [file_of(item) for item in items]
    groups = _groups(files, reader, rule)
    needed = max(2, rule.fold_numbers()[1])
    if len(set(groups) if groups else items) < needed:
        what = f"{len(set(groups))} groups" if groups else f"{len(items)} images"
        problem = f"{what}, too few for {needed} parts"
        remedy = "add images, or name the splits"
        reader.report(Defect(problem, remedy, file=shown(reader.root), split="val"))
        return {"train": items, "val": []}
    names = [name_of(item) or file.stem for item, file in zip(items, files, strict=True)]
    stratify = rule.split == "stratified" and classes_of is not None
    held = rule.validated(names, groups, classes_of(items) if stratify and classes_of else None)
    return {
        "train": [item for item, out in zip(items, held, strict=True) if not out],
        "val": [item for item, out in zip(items, held, strict=True) if out],
    }


def _groups(files: Sequence[Path], reader: Reader, rule: SplitRule) -> list[str]:
    """Returns the group of each file for `group:PATTERN`, else an empty list."""
    pattern = rule.pattern()
    if pattern is None:
        return []
    base = f"{os.fspath(reader.root)}/"
    paths = [os.fspath(file).removeprefix(base) for file in files]
    matches = [pattern.search(path) for path in paths]
    others = [path for path, found in zip(paths, matches, strict=True) if found is None]
    if len(others) == len(paths):
        raise InputError(
            f"split: {pattern.pattern!r} matches no image, such as {shown(paths[0])}; correct the "
            "pattern."
        )
    if others:
        reader.notes.append(
            f"split={rule.split}: {len(others)} images do not match, such as {shown(others[0])}; "
            "each is a group of its own."
        )
    group = 1 if pattern.groups else 0
    return [
        f"path {path}" if found is None else f"group {found[group]}"
        for path, found in zip(paths, matches, strict=True)
    ]
