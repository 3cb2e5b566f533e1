"""Layouts of a folder with images and one label file per image, and their splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.label_pairs import (
    PairMatcher,
    Pairs,
    files_below,
    pairs_from_lists,
)
from training.data.sources.reading.split_lists import split_by_lists
from training.data.sources.reading.splits import (
    SPLIT_NAMES,
    Classes,
    Reader,
    SplitRule,
    apply_rule,
    split_lists,
)
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "frames", "img_dir", "Images")


def find_pairs(
    reader: Reader,
    label_folders: tuple[str, ...],
    rule: SplitRule,
    missing: str = "",
    classes_of: Callable[[list[Path]], Classes] | None = None,
) -> dict[str, Pairs]:
    """Returns image and label file of every sample, by split.

    Tried in this order: list files of path pairs; `images/train` + `labels/train`; `train/images`
    + `train/labels`; `train` + `trainlabels` (as `trainannot`); `a.jpg` beside `a_mask.png`; one
    folder of each, split by lists of images (`train.txt`) or by a rule.

    Args:
        reader: data set, with the data folder; receives defects and notes.
        label_folders: names of the folders of label files.
        rule: how to divide the images if nothing names splits.
        missing: `drop` to leave out images without a label file, each of which is a defect
            otherwise.
        classes_of: function that returns the classes in label files, for `stratified`.

    Raises:
        InputError: if the layout is not recognized, or no image has a label file.
    """
    matcher = PairMatcher(reader, check_choice("missing", missing, ("", "drop")) == "drop")
    lists = split_lists(reader.root, ("", "ImageSets/Segmentation", "splits"))
    splits = (lists and pairs_from_lists(reader, lists)) or _from_split_folders(
        matcher, label_folders
    )
    splits = splits or _from_label_files_beside(matcher, lists)
    if not splits:
        splits = _from_one_folder(matcher, lists, *_image_and_label_folder(reader, label_folders))
    matcher.note_unused()

    def classes(pairs: Pairs) -> Classes:
        return classes_of([label for _, label in pairs]) if classes_of else []

    return apply_rule(
        splits, reader, rule, lambda pair: pair[0], classes if classes_of is not None else None
    )


def _image_and_label_folder(reader: Reader, label_folders: tuple[str, ...]) -> tuple[Path, Path]:
    root = reader.root
    images, labels = _first_folder(root, IMAGE_FOLDERS), _first_folder(root, label_folders)
    if images is None or labels is None:
        absent = IMAGE_FOLDERS if images is None else label_folders
        raise InputError(
            f"{shown(root)}: layout not recognized, no folder named {' or '.join(absent[:3])}; put "
            f"images in one folder ({', '.join(IMAGE_FOLDERS[:3])}, …) and label files in "
            f"another ({', '.join(label_folders[:3])}, …), or a.jpg beside a_mask.png."
        )
    return images, labels


def _first_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    """Returns the first of these folders with content, else the first that exists."""
    folders = [root / name for name in names if (root / name).is_dir()]
    filled = (folder for folder in folders if any(folder.iterdir()))
    return next(filled, folders[0] if folders else None)


def _from_one_folder(
    matcher: PairMatcher, lists: dict[str, Path], folder: Path, labels: Path
) -> dict[str, Pairs]:
    """Returns the pairs of an image folder and a label folder, by list; `train` without lists."""
    images = files_below(matcher.reader, folder, IMAGE_SUFFIXES)
    if not images:
        raise InputError(
            f"{shown(folder)}: no images ({', '.join(IMAGE_SUFFIXES)}) in this folder."
        )
    if not any(matcher.labels_in(labels).of(str(image.relative_to(folder))) for image in images):
        raise InputError(
            f"{shown(labels)}: no label file of any of {len(images)} images; give both the same "
            f"name, as {shown(images[0].stem)}.png."
        )
    by_split = split_by_lists(images, lists, matcher.reader) if lists else {"train": images}
    return {
        split: matcher.match(files, folder, labels, split if lists else "")
        for split, files in by_split.items()
    }


def _from_label_files_beside(matcher: PairMatcher, lists: dict[str, Path]) -> dict[str, Pairs]:
    """Returns the pairs of folders with images and label files, as `a.jpg` and `a_mask.png`."""
    root = matcher.reader.root
    if any((root / name).is_dir() for name in IMAGE_FOLDERS) or lists:
        return {}
    folders = {
        split: root / name
        for split, names in SPLIT_NAMES.items()
        for name in reversed(names)
        if (root / name).is_dir()
    }
    pairs = {split: matcher.match_beside(folder, split) for split, folder in folders.items()}
    if not any(pairs.values()):
        pairs = {} if folders else {"train": matcher.match_beside(root, "")}
    return pairs if any(pairs.values()) else {}


def _from_split_folders(matcher: PairMatcher, label_folders: tuple[str, ...]) -> dict[str, Pairs]:
    reader = matcher.reader
    splits: dict[str, Pairs] = {}
    for split in SPLIT_NAMES:
        folders = _split_folders(reader.root, split, label_folders)
        if folders is None:
            continue
        images = files_below(reader, folders[0], IMAGE_SUFFIXES)
        if not images:
            where = {"file": shown(folders[0]), "split": split}
            reader.report(Defect("no images in this folder", "add some or remove it", **where))
        splits[split] = matcher.match(images, *folders, split)
    return splits


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
        images = (root / image / name for image in IMAGE_FOLDERS)
        folder = next((folder for folder in images if folder.is_dir()), root)
        labels = _first_folder(root, label_folders)
        if folder != root and labels is not None:
            below = [one for names in SPLIT_NAMES.values() for one in names]
            return folder, labels / name if any(
                (labels / one).is_dir() for one in below
            ) else labels
    return None
