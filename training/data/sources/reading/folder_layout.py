"""Recognising how a folder of images and label files is laid out and split."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from training.data.sources.reading.image_files import IMAGES, MASKS, files_in
from zoo.errors import InputError

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "frames")
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}

Pairs = list[tuple[Path, Path]]


def find_pairs(root: Path, label_folders: tuple[str, ...], val: str, how: str) -> dict[str, Pairs]:
    """Image and label file of every record, by split.

    Tried in this order: list files of path pairs; `images/train` + `labels/train`; `train/images`
    + `train/labels`; `train` + `trainlabels` (as `trainannot`); one folder of each, split by lists
    of stems (`train.txt`) or by a fraction.

    Args:
        root: the data folder.
        label_folders: names that the folder of label files may have.
        val: share of the records to hold out where nothing says which, as text.
        how: `"hash"` holds out by a hash of the name, `"block"` the last ones in order.

    Raises:
        InputError: no layout fits, a listed file is missing, or an image has no label file.
    """
    listed = _from_pair_lists(root)
    if listed:
        return _with_held_out(listed, val, how)
    split = {
        name: pairs
        for name in SPLIT_NAMES
        if (folders := _split_folders(root, name, label_folders)) and (pairs := _match(*folders))
    }
    if split:
        return _with_held_out(split, val, how)
    images = _first_folder(root, IMAGE_FOLDERS, IMAGES)
    labels = _first_folder(root, label_folders, MASKS)
    if images is None or labels is None:
        missing = IMAGE_FOLDERS if images is None else label_folders
        raise InputError(
            f"{root}: layout not recognised; expected a folder of images "
            f"({', '.join(IMAGE_FOLDERS[:3])}, …) and one of label files "
            f"({', '.join(label_folders[:3])}, …); found none named {' or '.join(missing[:3])}."
        )
    by_list = _from_stem_lists(root, images, labels)
    if by_list:
        return _with_held_out(by_list, val, how)
    return _with_held_out({"train": _match(images, labels)}, val, how)


def _first_folder(root: Path, names: tuple[str, ...], endings: tuple[str, ...]) -> Path | None:
    """The first of these folders that holds files of these kinds; else one that is empty."""
    there = [root / name for name in names if (root / name).is_dir()]
    filled = (folder for folder in there if files_in(folder, endings))
    return next(filled, there[0] if there else None)


def _split_folders(
    root: Path, split: str, label_folders: tuple[str, ...]
) -> tuple[Path, Path] | None:
    """Image and label folder of a split, or None."""
    for name in SPLIT_NAMES[split]:
        for image in IMAGE_FOLDERS:
            for label in label_folders:
                for pair in (
                    (root / image / name, root / label / name),
                    (root / name / image, root / name / label),
                ):
                    if pair[0].is_dir() and pair[1].is_dir():
                        return pair
        if (root / name).is_dir():
            for label in ("annot", *label_folders):
                for joint in ("", "_", "-"):
                    folder = root / f"{name}{joint}{label}"
                    if folder.is_dir():
                        return root / name, folder
    return None


def _match(images: Path, labels: Path) -> Pairs:
    """Pairs the images of a folder with the label files of another."""
    image_files, maps = files_in(images, IMAGES), files_in(labels, MASKS)
    if not image_files:
        raise InputError(f"{images}: no images ({', '.join(IMAGES)}) in this folder.")
    pairs = []
    for stem, image in image_files.items():
        label = _label_of(stem, maps)
        if label is None:
            raise InputError(f"{image}: no label file {stem}.png in {labels}{_lossy(labels)}.")
        pairs.append((image, label))
    return pairs


def _label_of(stem: str, maps: dict[str, Path]) -> Path | None:
    """The label file of an image; its stem may also end in `_mask`, `_label`, `_instances`."""
    names = (stem, f"{stem}_mask", f"{stem}_label", f"{stem}_instances")
    return next((maps[name] for name in names if name in maps), None)


def _lossy(labels: Path) -> str:
    """What to say of a label folder that holds JPEG files."""
    found = files_in(labels, (".jpg", ".jpeg"))
    return "; it holds JPEG files, which change class numbers: save them as PNG" if found else ""


def list_file(root: Path, split: str) -> Path | None:
    """The file that lists the images of a split, `train.txt` …, if there is one."""
    for folder in (root, root / "ImageSets" / "Segmentation", root / "splits"):
        for name in SPLIT_NAMES[split]:
            if (folder / f"{name}.txt").is_file():
                return folder / f"{name}.txt"
    return None


def _from_pair_lists(root: Path) -> dict[str, Pairs]:
    """Splits from `train.txt` … whose lines are `image label` paths below the folder."""
    splits: dict[str, Pairs] = {}
    for split in SPLIT_NAMES:
        path = list_file(root, split)
        lines = _lines(path) if path else []
        if not lines or len(lines[0].split()) != 2:
            continue
        if Path(lines[0].split()[1]).suffix.lower() not in MASKS:
            continue
        pairs = []
        for number, line in enumerate(lines, 1):
            where, words = f"{path}, line {number}", line.split()
            if len(words) != 2:
                raise InputError(f"{where}: expected `image label`, not {line!r}.")
            pairs.append((_inside(root, words[0], where), _inside(root, words[1], where)))
        splits[split] = pairs
    return splits


def _from_stem_lists(root: Path, images: Path, labels: Path) -> dict[str, Pairs]:
    """Splits from `train.txt` … whose lines begin with a stem or file name."""
    splits: dict[str, Pairs] = {}
    by_stem: dict[str, tuple[Path, Path]] = {}
    image_files, maps = files_in(images, IMAGES), files_in(labels, MASKS)
    for stem, image in image_files.items():
        if label := _label_of(stem, maps):
            by_stem[stem] = (image, label)
    for split in SPLIT_NAMES:
        path = list_file(root, split)
        if path is None:
            continue
        pairs = []
        for number, line in enumerate(_lines(path), 1):
            word = line.split()[0]
            stem = word if word in by_stem else Path(word).stem
            if stem not in by_stem:
                missing = labels if stem in image_files else images
                hint = _lossy(labels) if missing == labels else ""
                raise InputError(f"{path}, line {number}: no file {word} in {missing}{hint}.")
            pairs.append(by_stem[stem])
        if not pairs:
            raise InputError(f"{path}: the list is empty; name one image a line or remove it.")
        splits[split] = pairs
    return splits


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _inside(root: Path, word: str, where: str) -> Path:
    path = root / word.lstrip("/")
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{where}: {word} leaves the data folder.")
    if not path.is_file():
        raise InputError(f"{where}: no such file {path}.")
    return path


def _with_held_out(splits: dict[str, Pairs], val: str, how: str) -> dict[str, Pairs]:
    """Takes a validation split out of `train` where it is the only one; always the same one."""
    if set(splits) != {"train"}:
        return splits
    pairs = splits["train"]
    if len(pairs) < 2:
        raise InputError(
            f"{pairs[0][0]}: one image is too few; training and validation need one each."
        )
    chosen = held_out([pair[0].stem for pair in pairs], val, how)
    return {
        "train": [pair for i, pair in enumerate(pairs) if i not in chosen],
        "val": [pair for i, pair in enumerate(pairs) if i in chosen],
    }


def held_out(names: list[str], val: str, how: str) -> set[int]:
    """Which of these records to validate on: always the same ones.

    Args:
        names: of at least two records, in order.
        val: share to hold out, as text.
        how: `"hash"` chooses by a hash of the name, `"block"` the last ones in order.

    Raises:
        InputError: not a share, or an unknown way to choose.
    """
    count = held_out_count(val, len(names))
    if how not in ("hash", "block"):
        raise InputError(f"split={how}: expected hash or block.")
    ranked = list(range(len(names)))
    if how == "hash":
        # Names from a disk may hold bytes that are no letters.
        ranked.sort(key=lambda i: hashlib.sha256(os.fsencode(names[i])).hexdigest())
    return set(ranked[-count:])


def held_out_count(val: str, records: int) -> int:
    """How many of at least two records the share `val`, a text, holds out: one at least.

    Raises:
        InputError: not a share between 0 and 1.
    """
    try:
        share = float(val)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0:
        raise InputError(f"val={val}: expected the share to hold out, such as 0.2.")
    return min(max(1, round(share * records)), records - 1)
