"""Recognising where a data set in COCO's form keeps its JSON files and images."""

from __future__ import annotations

import os
import re
from pathlib import Path

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS, SPLIT_NAMES
from zoo.errors import InputError
from zoo.files.file_names import inside, shown

KINDS = ("instances", "person_keypoints", "captions", "panoptic")
_OTHERS = ("stuff", "image_info", "categories")
_FOLDERS = ("annotations", "Annotations", "labels", ".")
_LOOKED_AT = 50


def find_label_files(root: Path, labels: str) -> tuple[str, dict[str, Path]]:
    """The JSON files of a data set by split.

    Looked for in `annotations/`, in the folder itself and in folders named after splits; the split
    is a word of the file's name (`instances_val2017.json`) or of its folder's.

    Args:
        root: the data folder.
        labels: one of `KINDS`, the path of one file, or empty to take what is there.

    Returns:
        The kind, and the files; the split of a file whose name has none is `""`.

    Raises:
        InputError: none is there, or several fit one split.
    """
    if labels and labels not in KINDS:
        path = inside(root, labels, f"labels={labels}")
        if not path.is_file():
            raise InputError(
                f"labels={labels}: no such file in {shown(root)}; give a JSON file there, or one "
                f"of {', '.join(KINDS)}."
            )
        return _kind_of(path) or "instances", {_split_of(root, path): path}
    found: dict[str, dict[str, list[Path]]] = {}
    for path in _json_files(root):
        kind = _kind_of(path)
        if kind not in _OTHERS:
            found.setdefault(kind, {}).setdefault(_split_of(root, path), []).append(path)
    order = [labels] if labels else ["instances", "", *KINDS[1:]]
    kind = next((kind for kind in order if kind in found), "none")
    if kind not in found:
        raise InputError(
            f"{shown(root)}: no JSON file of {labels or 'labels'}; expected such as "
            f"annotations/{labels or 'instances'}_train.json or train/_annotations.coco.json."
        )
    for split, paths in found[kind].items():
        if len(paths) > 1:
            names = ", ".join(shown(path.relative_to(root)) for path in paths[:4])
            raise InputError(
                f"{shown(root)}: {len(paths)} JSON files fit {split or 'the data set'} ({names}); "
                f"keep one, or choose with labels=FILE."
            )
    return kind or "instances", {split: paths[0] for split, paths in found[kind].items()}


def find_images(root: Path, labels: Path, split: str, names: list[str]) -> Path:
    """The folder that the file names in a JSON file are relative to: where most of them are."""
    words = [word for word in re.findall(r"[A-Za-z]+\d*", labels.stem) if _split_in(word)]
    words += SPLIT_NAMES.get(split, ())
    folders = [labels.parent]
    for word in dict.fromkeys(words):
        folders.append(root / word)
        for image in IMAGE_FOLDERS:
            folders += [root / image / word, root / word / image]
    folders += [root, *(root / image for image in IMAGE_FOLDERS)]
    folders += [labels.parent / image for image in IMAGE_FOLDERS]
    folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    step = -(-len(names) // _LOOKED_AT) or 1
    chosen = names[::step]

    def count(folder: Path) -> int:
        return sum(_is_there(folder, name) for name in chosen)

    return max(folders, key=count)


def _is_there(folder: Path, name: str) -> bool:
    try:
        return os.path.isfile(inside(folder, name, ""))
    except InputError:
        return False  # told when its record is read


def _json_files(root: Path) -> list[Path]:
    folders = [root / name for name in _FOLDERS]
    for names in SPLIT_NAMES.values():
        for name in names:
            folders += [root / name, root / "annotations" / name]
    there = {folder.resolve(): folder for folder in folders if folder.is_dir()}
    return [
        path
        for folder in there.values()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".json" and path.is_file()
    ]


def _kind_of(path: Path) -> str:
    return next((kind for kind in (*KINDS, *_OTHERS) if path.stem.startswith(kind)), "")


def _split_of(root: Path, path: Path) -> str:
    """The split that a file's name has as a word, else its folder's."""
    names = [path.stem] if path.parent == root else [path.stem, path.parent.name]
    for name in names:
        for word in re.findall(r"[A-Za-z]+", name):
            if split := _split_in(word):
                return split
    return ""


def _split_in(word: str) -> str:
    plain = word.rstrip("0123456789").lower()
    return next((split for split, names in SPLIT_NAMES.items() if plain in names), "")
