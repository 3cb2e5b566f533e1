"""Splits of images where the label files name none: by list, else by a fixed share."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.folder_layout import SPLIT_NAMES, held_out
from zoo.errors import InputError
from zoo.files.file_names import shown

Splits = dict[str, list[AnnotatedImage]]


def list_files(root: Path, folders: tuple[str, ...] = ("", "splits")) -> dict[str, Path]:
    """`train.txt`, `val.txt`, … of the first of these folders that has any."""
    for folder in folders:
        found = {}
        for split, names in SPLIT_NAMES.items():
            paths = (root / folder / f"{name}.txt" for name in names)
            if path := next((path for path in paths if path.is_file()), None):
                found[split] = path
        if found:
            return found
    return {}


def listed_names(path: Path) -> list[tuple[int, str]]:
    """Line number and first word of the lines of a list; names that are no UTF-8 stay as bytes.

    Raises:
        InputError: the list cannot be read, or is empty.
    """
    try:
        text = os.fsdecode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}.") from error
    lines = enumerate(text.splitlines(), 1)
    names = [(number, line.split()[0]) for number, line in lines if line.strip()]
    if not names:
        raise InputError(f"{shown(path)}: the list is empty; name per image a line or remove it.")
    return names


def split_up(splits: Splits, root: Path, val: str, how: str) -> Splits:
    """Splits by `train.txt` … where nothing else says them, and holds out some of train if need be.

    Args:
        splits: images by split; `""` for those of no split.
        root: the folder with the lists.
        val, how: see `training.data.sources.reading.folder_layout.held_out`.

    Raises:
        InputError: a list names per image that is not there, or no image is there.
    """
    if set(splits) == {""}:
        lists = list_files(root)
        splits = _by_lists(splits[""], lists) if lists else {"train": splits[""]}
    splits = {split: images for split, images in splits.items() if images}
    if not splits:
        raise InputError(f"{shown(root)}: no images are listed in it.")
    if set(splits) != {"train"}:
        return splits
    images = splits["train"]
    if len(images) < 2:
        raise InputError(
            f"{shown(images[0].file)}: one image is too few; training and validation need one each."
        )
    chosen = held_out([image.file.stem for image in images], val, how)
    return {
        "train": [image for i, image in enumerate(images) if i not in chosen],
        "val": [image for i, image in enumerate(images) if i in chosen],
    }


def _by_lists(images: list[AnnotatedImage], lists: dict[str, Path]) -> Splits:
    by_name = {image.file.stem: image for image in images}
    by_name.update({image.file.name: image for image in images})
    splits: Splits = {}
    for split, path in lists.items():
        splits[split] = []
        for number, word in listed_names(path):
            image = by_name.get(Path(word).name) or by_name.get(Path(word).stem)
            if image is None:
                raise InputError(
                    f"{shown(path)}, line {number}: no label file speaks of {shown(word)}; take it "
                    "off the list."
                )
            splits[split].append(image)
    return splits
