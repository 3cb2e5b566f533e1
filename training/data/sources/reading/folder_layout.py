"""Layouts of a folder with images and one label file per image, and their splits."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.reading.image_files import IMAGE_SUFFIXES, MASK_SUFFIXES, files_by_stem
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    listed_names,
    split_lists,
    split_off_validation,
)
from zoo.errors import InputError
from zoo.files.file_names import inside
from zoo.files.text_files import numbered_lines

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "frames")

Pairs = list[tuple[Path, Path]]


def find_pairs(root: Path, label_folders: tuple[str, ...], val: str, how: str) -> dict[str, Pairs]:
    """Returns image and label file of every sample, by split.

    Tried in this order: list files of path pairs; `images/train` + `labels/train`; `train/images`
    + `train/labels`; `train` + `trainlabels` (as `trainannot`); one folder of each, split by lists
    of stems (`train.txt`) or by a fraction, see `split_off_validation`.
    """
    lists = split_lists(root, ("", "ImageSets/Segmentation", "splits"))
    splits = _from_pair_lists(root, lists) or _from_split_folders(root, label_folders)
    if not splits:
        images = _first_folder(root, IMAGE_FOLDERS, IMAGE_SUFFIXES)
        labels = _first_folder(root, label_folders, MASK_SUFFIXES)
        if images is None or labels is None:
            missing = IMAGE_FOLDERS if images is None else label_folders
            raise InputError(
                f"{root}: layout not recognized, no folder named {' or '.join(missing[:3])}; put "
                f"images in one folder ({', '.join(IMAGE_FOLDERS[:3])}, …) and label files in "
                f"another ({', '.join(label_folders[:3])}, …)."
            )
        splits = _from_stem_lists(lists, images, labels) or {"train": _match(images, labels)}
    if set(splits) != {"train"}:
        return splits
    pairs = splits["train"]
    return split_off_validation(pairs, [image.stem for image, _ in pairs], val, how, pairs[0][0])


def _first_folder(root: Path, names: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
    """Returns the first of these folders with files of these kinds, else the first that exists."""
    folders = [root / name for name in names if (root / name).is_dir()]
    filled = (folder for folder in folders if files_by_stem(folder, suffixes))
    return next(filled, folders[0] if folders else None)


def _from_split_folders(root: Path, label_folders: tuple[str, ...]) -> dict[str, Pairs]:
    return {
        split: pairs
        for split in SPLIT_NAMES
        if (folders := _split_folders(root, split, label_folders)) and (pairs := _match(*folders))
    }


def _split_folders(
    root: Path, split: str, label_folders: tuple[str, ...]
) -> tuple[Path, Path] | None:
    """Returns image and label folder of a split, or None."""
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
                for separator in ("", "_", "-"):
                    folder = root / f"{name}{separator}{label}"
                    if folder.is_dir():
                        return root / name, folder
    return None


def _match(images: Path, labels: Path) -> Pairs:
    """Pairs the images of a folder with the label files of another."""
    image_files = files_by_stem(images, IMAGE_SUFFIXES)
    label_files = files_by_stem(labels, MASK_SUFFIXES)
    if not image_files:
        raise InputError(f"{images}: no images ({', '.join(IMAGE_SUFFIXES)}) in this folder.")
    pairs = []
    for stem, image in image_files.items():
        label = _label_of(stem, label_files)
        if label is None:
            raise InputError(f"{image}: no label file {stem}.png in {labels}{_lossy(labels)}.")
        pairs.append((image, label))
    return pairs


def _label_of(stem: str, label_files: dict[str, Path]) -> Path | None:
    """Returns the label file of an image; its stem may end in `_mask`, `_label`, `_instances`."""
    names = (stem, f"{stem}_mask", f"{stem}_label", f"{stem}_instances")
    return next((label_files[name] for name in names if name in label_files), None)


def _lossy(labels: Path) -> str:
    """Returns a remedy for a label folder of JPEG files."""
    jpeg = files_by_stem(labels, (".jpg", ".jpeg"))
    return "; it holds JPEG files, which change class indices: save them as PNG" if jpeg else ""


def _from_pair_lists(root: Path, lists: dict[str, Path]) -> dict[str, Pairs]:
    """Returns splits from `train.txt` … whose lines are `image label`, paths below the folder."""
    splits: dict[str, Pairs] = {}
    for split, path in lists.items():
        lines = numbered_lines(path)
        words = lines[0][1].split() if lines else []
        if len(words) != 2 or Path(words[1]).suffix.lower() not in MASK_SUFFIXES:
            continue
        pairs = []
        for number, line in lines:
            where, words = f"{path}: line {number}", line.split()
            if len(words) != 2:
                raise InputError(f"{where}: a line must be `image label`, not {line!r}.")
            image, label = (_existing(root, word, where) for word in words)
            pairs.append((image, label))
        splits[split] = pairs
    return splits


def _from_stem_lists(lists: dict[str, Path], images: Path, labels: Path) -> dict[str, Pairs]:
    """Returns splits from `train.txt` … whose lines begin with a stem or file name."""
    splits: dict[str, Pairs] = {}
    image_files = files_by_stem(images, IMAGE_SUFFIXES)
    label_files = files_by_stem(labels, MASK_SUFFIXES)
    by_stem = {
        stem: (image, label)
        for stem, image in image_files.items()
        if (label := _label_of(stem, label_files))
    }
    for split, path in lists.items():
        splits[split] = []
        for number, word in listed_names(path):
            stem = word if word in by_stem else Path(word).stem
            if stem not in by_stem:
                missing = labels if stem in image_files else images
                remedy = _lossy(labels) if missing == labels else ""
                raise InputError(f"{path}: line {number}: no file {word} in {missing}{remedy}.")
            splits[split].append(by_stem[stem])
    return splits


def _existing(root: Path, name: str, where: str) -> Path:
    path = inside(root, name.lstrip("/"), where)
    if not path.is_file():
        raise InputError(
            f"{where}: no such file {path}; restore the file or remove it from the list."
        )
    return path
