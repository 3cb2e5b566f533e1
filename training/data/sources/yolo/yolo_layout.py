"""Layouts of a YOLO data set: `data.yaml`, else the folders of images and label files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.image_files import images_below
from training.data.sources.reading.json_files import short
from training.data.sources.reading.splits import SPLIT_NAMES
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines, read_text

MAX_CLASSES = 100_000
_NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names", "names.txt")
_KEYS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


@dataclasses.dataclass
class Layout:
    """Images, classes and keypoints of a data set.

    Attributes:
        splits: images by split; `""` for images without a split.
        names: class names; None if unknown.
        keypoints: number of keypoints and of values for each (`kpt_shape`); None without keypoints.
        keypoint_names: names of the keypoints; empty if unknown.
        flip_idx: index of the keypoint that replaces each one in a flipped image; None if unknown.
        notes: remarks for `Source.notes`.
    """

    splits: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    names: tuple[str, ...] | None = None
    keypoints: tuple[int, int] | None = None
    keypoint_names: tuple[str, ...] = ()
    flip_idx: tuple[int, ...] | None = None
    notes: list[str] = dataclasses.field(default_factory=list)


def find_layout(root: Path, data: str) -> Layout:
    """Reads the YAML file `data`, or the folder's only one; without any, recognizes the folders."""
    if data:
        path = inside(root, data, f"data={data}")
        if not path.is_file():
            raise InputError(
                f"data={data}: no such file in {shown(root)}; use a YAML file below it."
            )
        return _from_yaml(root, path)
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    named = [path for path in files if path.stem.lower() in ("data", "dataset")] or files
    if len(named) > 1:
        names = ", ".join(shown(path.name) for path in named[:4])
        raise InputError(f"{shown(root)}: several YAML files ({names}); select one with data=FILE.")
    return _from_yaml(root, named[0]) if named else _from_folders(root)


def label_folder(root: Path, folder: Path) -> Path:
    """Returns the folder of the label files of an image folder: `labels` for the last `images`."""
    parts = list(folder.relative_to(root).parts)
    for index in reversed(range(len(parts))):
        if parts[index] in IMAGE_FOLDERS:
            parts[index] = "labels"
            labels = root.joinpath(*parts)
            return labels if labels.is_dir() else folder
    labels = root / "labels" / folder.relative_to(root)
    return labels if labels.is_dir() else folder


def _from_yaml(root: Path, path: Path) -> Layout:
    content = _load(path)
    layout = Layout(names=_names(path, content))
    layout.keypoints = _kpt_shape(path, content.get("kpt_shape"))
    if layout.keypoints:
        layout.flip_idx = _flip_idx(path, content.get("flip_idx"), layout.keypoints[0])
        names = content.get("kpt_names")
        names = next(iter(names.values()), None) if isinstance(names, dict) else names
        if isinstance(names, list) and len(names) == layout.keypoints[0]:
            layout.keypoint_names = tuple(shown(n) if isinstance(n, str) else "" for n in names)
    base, stated = path.parent, content.get("path")
    if isinstance(stated, str) and stated not in ("", "."):
        folder = _below(root, stated, base)
        if folder is None:
            layout.notes.append(
                f"path: {shown(stated)} does not exist here; {shown(base)} is used."
            )
        base = folder or base
    for split, keys in _KEYS.items():
        stated = next((content[key] for key in keys if content.get(key)), [])
        for entry in stated if isinstance(stated, list) else [stated]:
            if not isinstance(entry, str):
                raise InputError(
                    f"{shown(path)}: {split} must be a folder or a list, not {entry!r}."
                )
            layout.splits.setdefault(split, []).extend(_entry(root, base, path, split, entry))
    if not layout.splits:
        raise InputError(f"{shown(path)}: no train and no val; add their folders of images.")
    return layout


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    if len(text) > 10_000_000:
        raise InputError(f"{shown(path)}: too long for a data.yaml.")
    try:
        # A few aliases of aliases can expand to more than any memory holds.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError(
                f"{shown(path)}: YAML aliases (*name) are not supported; write the values out."
            )
        content = yaml.safe_load(text)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = shown(" ".join(str(error).split()))[:120]
        raise InputError(f"{shown(path)}: not YAML ({reason}); correct it.") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{shown(path)}: no mapping at the top level; write train:, val: and names:."
        )
    return content


def _names(path: Path, content: dict[str, Any]) -> tuple[str, ...] | None:
    """Returns the class names, or numbers if only their count `nc` is given."""
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, list):
        names = dict(enumerate(names))
    numbers = isinstance(names, dict) and all(
        isinstance(key, int) and 0 <= key < MAX_CLASSES for key in names
    )
    if names is None and isinstance(count, int) and 0 < count < MAX_CLASSES:
        return tuple(map(str, range(count)))
    if not names or not numbers:
        raise InputError(
            f"{shown(path)}: names must be a list or a mapping from index to name, not "
            f"{short(content.get('names'))}."
        )
    words = [names.get(number, number) for number in range(max(names) + 1)]
    wrong = [word for word in words if not isinstance(word, str | int | float)]
    if wrong:
        raise InputError(
            f"{shown(path)}: every class name must be a string, not {short(wrong[0])}; write it in "
            "quotes."
        )
    if isinstance(count, int) and count != len(words):
        raise InputError(
            f"{shown(path)}: nc is {count}, but there are {len(words)} names; correct one."
        )
    return tuple(shown(str(word)) for word in words)


def _kpt_shape(path: Path, shape: Any) -> tuple[int, int] | None:
    if shape is None:
        return None
    whole = isinstance(shape, list) and all(type(number) is int for number in shape)
    if not whole or len(shape) != 2 or not 0 < shape[0] <= 1000 or shape[1] not in (2, 3):
        raise InputError(f"{shown(path)}: kpt_shape must be [keypoints, 2 or 3], not {shape!r}.")
    return shape[0], shape[1]


def _flip_idx(path: Path, order: Any, keypoints: int) -> tuple[int, ...] | None:
    if order is None:
        return None
    whole = isinstance(order, list) and all(type(number) is int for number in order)
    if not whole or sorted(order) != list(range(keypoints)):
        raise InputError(
            f"{shown(path)}: flip_idx must name each of {keypoints} keypoints once, not "
            f"{short(order)}."
        )
    if any(order[order[index]] != index for index in range(keypoints)):
        raise InputError(f"{shown(path)}: flip_idx must swap keypoints in pairs, not {order}.")
    return tuple(order)


def _below(root: Path, name: str, base: Path) -> Path | None:
    """Returns the path that a YAML file means; None if it is not below the data folder.

    Exports are often made for another folder: `../train/images` is tried as `train/images`.
    """
    trimmed = name
    while trimmed.startswith(("../", "./")):
        trimmed = trimmed.split("/", 1)[1]
    for candidate in (name, trimmed):
        if "\0" in candidate:
            return None
        path = base / candidate
        if path.resolve().is_relative_to(root.resolve()) and path.exists():
            return root / path.resolve().relative_to(root.resolve())
    return None


def _entry(root: Path, base: Path, path: Path, split: str, name: str) -> list[Path]:
    """Returns the images of a folder or of a list of images."""
    entry = _below(root, name, base) or _below(root, name, root)
    if entry is None:
        raise InputError(
            f"{shown(path)}: {split}: no folder or list {shown(name)} in {shown(root)}; name one "
            "that exists."
        )
    if entry.is_dir():
        return images_below(entry)
    images = []
    for number, line in numbered_lines(entry):
        where = f"{shown(entry)}: line {number}"
        image = _below(root, line, base) or _below(root, line, entry.parent)
        images.append(image or inside(root, line.removeprefix("./"), where))
    return images


def _from_folders(root: Path) -> Layout:
    """Returns the layout without YAML: folders named after splits, else one folder of images."""
    layout = Layout()
    for split, names in SPLIT_NAMES.items():
        for name in names:
            folders = [root / image / name for image in IMAGE_FOLDERS]
            folders += [root / name / image for image in IMAGE_FOLDERS] + [root / name]
            folder = next((folder for folder in folders if folder.is_dir()), None)
            if folder is not None and (images := images_below(folder)):
                layout.splits.setdefault(split, images)
    if not layout.splits:
        folders = [root / image for image in IMAGE_FOLDERS if (root / image).is_dir()]
        layout.splits[""] = images_below(folders[0] if folders else root)
    for file in _NAME_FILES:
        if (root / file).is_file():
            layout.names = tuple(line for _, line in numbered_lines(root / file))
            break
    return layout
