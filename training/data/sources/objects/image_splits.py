"""Splits of annotated images whose label files do not name them."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.split_lists import split_by_lists
from training.data.sources.reading.splits import (
    Classes,
    Reader,
    SplitRule,
    apply_rule,
    split_lists,
)

Splits = dict[str, list[AnnotatedImage]]


def split_images(splits: Splits, reader: Reader, rule: SplitRule) -> Splits:
    """Splits images by `train.txt` …, or into a fixed train and validation split.

    A split that is named but has no images stays, empty.

    Args:
        splits: images by split; `""` for images without a split.
        reader: data set, with the folder of the lists; receives defects and notes.
        rule: how to divide the images if neither lists nor `splits` name splits.
    """
    if set(splits) == {""}:
        lists = split_lists(reader.root)
        splits = _by_lists(splits[""], lists, reader) if lists else {"train": splits[""]}
    splits.pop("", None)
    return apply_rule(splits, reader, rule, lambda image: image.file, _classes)


def _classes(images: list[AnnotatedImage]) -> Classes:
    return [{item.label for item in image.annotations} for image in images]


def _by_lists(images: list[AnnotatedImage], lists: dict[str, Path], reader: Reader) -> Splits:
    by_file: dict[Path, list[AnnotatedImage]] = {}
    for image in images:
        by_file.setdefault(image.file, []).append(image)
    splits = split_by_lists(list(by_file), lists, reader)
    return {split: [i for file in files for i in by_file[file]] for split, files in splits.items()}
