"""Layouts of a folder with JSON files in COCO's format and images."""

from __future__ import annotations

import os
import re
from pathlib import Path

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.splits import SPLIT_NAMES, split_from_name
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

KINDS = ("instances", "person_keypoints", "captions", "panoptic")
_OTHERS = ("stuff", "image_info", "categories")
_FOLDERS = ("annotations", "Annotations", "labels", ".")
_PROBED = 50


def find_label_files(root: Path, labels: str) -> tuple[str, dict[str, Path]]:
    """Returns the kind and the JSON files of a data set by split; `""` if the split is unknown.

    They are searched in `annotations/`, in the folder itself and in folders named after splits; the
    split is a word of the file's name (`instances_val2017.json`) or of its folder's. `labels` is
    one of `KINDS`, the path of one file, or empty for the first kind that exists.
    """
    if labels and labels not in KINDS:
        path = inside(root, labels, f"labels={labels}")
        if not os.path.isfile(path):
            raise InputError(
                f"labels={labels}: no such file in {shown(root)}; use a JSON file below it, or "
                f"one of {', '.join(KINDS)}."
            )
        return _kind_of(path) or "instances", {_split_of(root, path): path}
    files: dict[str, dict[str, list[Path]]] = {}
    for path in _json_files(root):
        kind = _kind_of(path)
        if kind not in _OTHERS:
            files.setdefault(kind, {}).setdefault(_split_of(root, path), []).append(path)
    order = [labels] if labels else ["instances", "", *KINDS[1:]]
    kind = next((kind for kind in order if kind in files), "none")
    if kind not in files:
        raise InputError(
            f"{shown(root)}: no JSON file of {labels or 'labels'}; add one such as "
            f"annotations/{labels or 'instances'}_train.json or train/_annotations.coco.json."
        )
    for split, paths in files[kind].items():
        if len(paths) > 1:
            names = ", ".join(shown(path.relative_to(root)) for path in paths[:4])
            raise InputError(
                f"{shown(root)}: {len(paths)} JSON files fit {split or 'the data set'} ({names}); "
                f"keep one, or select one with labels=FILE."
            )
    return kind or "instances", {split: paths[0] for split, paths in files[kind].items()}


def find_images(finder: ImageFinder, labels: Path, split: str, names: list[str]) -> Path:
    """Returns the folder that file names are relative to: the one that contains most of them.

    If it contains none, the folder with most of their last components.
    """
    root = finder.root
    words = [word for word in re.findall(r"[A-Za-z]+\d*", labels.stem) if _split_of_word(word)]
    # CVAT names a file after its subset, instances_default.json, and a folder too: images/default.
    subset = labels.stem.removeprefix(_kind_of(labels)).lstrip("_-")
    words += [subset] if subset else []
    words += SPLIT_NAMES.get(split, ())
    folders = [labels.parent]
    for word in dict.fromkeys(words):
        folders.append(root / word)
        for image in IMAGE_FOLDERS:
            folders += [root / image / word, root / word / image]
    folders += [root, *(root / image for image in (*IMAGE_FOLDERS, "data"))]
    folders += [labels.parent / image for image in IMAGE_FOLDERS]
    folders = [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]
    probed = names[:: -(-len(names) // _PROBED) or 1]
    last = [re.split(r"[/\\]", name)[-1] for name in probed]

    def fitting(folder: Path) -> tuple[int, int]:
        exact = sum(finder.has(folder, name) for name in probed)
        return exact, exact or sum(finder.has(folder, name) for name in last)

    return max(folders, key=fitting)


def _json_files(root: Path) -> list[Path]:
    folders = [root / name for name in _FOLDERS]
    for names in SPLIT_NAMES.values():
        for name in names:
            folders += [root / name, root / "annotations" / name]
    existing = {folder.resolve(): folder for folder in folders if os.path.isdir(folder)}
    return [
        path
        for folder in existing.values()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".json" and not os.path.isdir(path)
    ]


def _kind_of(path: Path) -> str:
    return next((kind for kind in (*KINDS, *_OTHERS) if path.stem.startswith(kind)), "")


def _split_of(root: Path, path: Path) -> str:
    """Returns the split that is a word of a file's name, else of its folder's."""
    names = [path.stem] if path.parent == root else [path.stem, path.parent.name]
    for name in names:
        for word in re.findall(r"[A-Za-z]+", name):
            if split := _split_of_word(word):
                return split
    return ""


def _split_of_word(word: str) -> str:
    return split_from_name(word.rstrip("0123456789"))
