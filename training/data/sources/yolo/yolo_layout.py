"""What a YOLO `data.yaml` says, and where the images and label files of a data set lie."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import yaml

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS, SPLIT_NAMES
from training.data.sources.reading.image_files import IMAGES, natural_key
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import numbered_lines, read_text

MOST_CLASSES = 100_000
_NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names", "names.txt")
_KEYS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


@dataclasses.dataclass
class Layout:
    """Where things are.

    Attributes:
        splits: images by split; `""` where nothing says which.
        names: of the classes, None where nobody says.
        joints: joints and numbers for each, for a data set of poses.
        joint_names: where they are said.
        mirrored: joint that takes the place of each in a mirrored image, where that is said.
        notes: what the user should know.
    """

    splits: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    names: tuple[str, ...] | None = None
    joints: tuple[int, int] | None = None
    joint_names: tuple[str, ...] = ()
    mirrored: tuple[int, ...] | None = None
    notes: list[str] = dataclasses.field(default_factory=list)


def find_layout(root: Path, data: str) -> Layout:
    """Reads `data.yaml` if there is one, else recognises the folders.

    Args:
        root: the data folder.
        data: the YAML file to take, below the folder; empty for the only one there.

    Raises:
        InputError: the YAML file cannot be used, or there are no images.
    """
    if data:
        path = inside(root, data, f"data={data}")
        if not path.is_file():
            raise InputError(f"data={data}: no such file in {shown(root)}.")
        return _from_yaml(root, path)
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    named = [path for path in files if path.stem.lower() in ("data", "dataset")] or files
    if len(named) > 1:
        names = ", ".join(shown(path.name) for path in named[:4])
        raise InputError(f"{shown(root)}: several YAML files ({names}); choose by data=FILE.")
    return _from_yaml(root, named[0]) if named else _from_folders(root)


def images_in(folder: Path) -> list[Path]:
    """Images in a folder and the folders in it, numbers in names in numerical order."""
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        paths = (Path(place, name) for name in files if not name.startswith("."))
        images = (path for path in paths if path.suffix.lower() in IMAGES)
        found += sorted(images, key=natural_key)
    return found


def label_folder(root: Path, folder: Path) -> Path:
    """Where the label files of the images in a folder are: `labels` for the last `images`."""
    parts = list(folder.relative_to(root).parts)
    for place in reversed(range(len(parts))):
        if parts[place] in IMAGE_FOLDERS:
            parts[place] = "labels"
            found = root.joinpath(*parts)
            return found if found.is_dir() else folder
    beside = root / "labels" / folder.relative_to(root)
    return beside if beside.is_dir() else folder


def _from_yaml(root: Path, path: Path) -> Layout:
    content = _load(path)
    layout = Layout(names=_names(path, content))
    layout.joints = _kpt_shape(path, content.get("kpt_shape"))
    if layout.joints:
        layout.mirrored = _flip_idx(path, content.get("flip_idx"), layout.joints[0])
        words = content.get("kpt_names")
        words = next(iter(words.values()), None) if isinstance(words, dict) else words
        if isinstance(words, list) and len(words) == layout.joints[0]:
            layout.joint_names = tuple(shown(w) if isinstance(w, str) else "" for w in words)
    base, stated = path.parent, content.get("path")
    if isinstance(stated, str) and stated not in ("", "."):
        there = _below(root, stated, base)
        if there is None:
            layout.notes.append(f"path: {shown(stated)} is not here; looked in {shown(base)}")
        base = there or base
    for split, keys in _KEYS.items():
        stated = next((content[key] for key in keys if content.get(key)), [])
        for entry in stated if isinstance(stated, list) else [stated]:
            if not isinstance(entry, str):
                raise InputError(f"{shown(path)}: {split} is no path; name a folder or a list.")
            layout.splits.setdefault(split, []).extend(_entry(root, base, path, split, entry))
    if not layout.splits:
        raise InputError(f"{shown(path)}: it names no train and no val; name folders of images.")
    return layout


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    if len(text) > 10_000_000:
        raise InputError(f"{shown(path)}: too long to be a data.yaml.")
    try:
        # A few aliases of aliases can stand for more than any memory holds.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError(f"{shown(path)}: YAML aliases (*name) are not read; write it out.")
        content = yaml.safe_load(text)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = shown(" ".join(str(error).split()))[:120]
        raise InputError(f"{shown(path)}: not YAML ({reason}); mend it.") from error
    if not isinstance(content, dict):
        raise InputError(f"{shown(path)}: expected train:, val: and names:.")
    return content


def _names(path: Path, content: dict[str, Any]) -> tuple[str, ...] | None:
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, list):
        names = dict(enumerate(names))
    numbers = isinstance(names, dict) and all(
        isinstance(key, int) and 0 <= key < MOST_CLASSES for key in names
    )
    if names is None and isinstance(count, int) and 0 < count < MOST_CLASSES:
        return tuple(map(str, range(count)))
    if not names or not numbers:
        raise InputError(
            f"{shown(path)}: names is no list of class names and no table of number: name."
        )
    words = [names.get(number, number) for number in range(max(names) + 1)]
    if not all(isinstance(word, str | int | float) for word in words):
        raise InputError(f"{shown(path)}: a class name is no word; write it in quotes.")
    if isinstance(count, int) and count != len(words):
        raise InputError(f"{shown(path)}: nc is {count} but there are {len(words)} names.")
    return tuple(shown(str(word)) for word in words)


def _kpt_shape(path: Path, shape: Any) -> tuple[int, int] | None:
    if shape is None:
        return None
    whole = isinstance(shape, list) and all(type(number) is int for number in shape)
    if not whole or len(shape) != 2 or not 0 < shape[0] <= 1000 or shape[1] not in (2, 3):
        raise InputError(f"{shown(path)}: kpt_shape is no [number of joints, 2 or 3].")
    return shape[0], shape[1]


def _flip_idx(path: Path, order: Any, joints: int) -> tuple[int, ...] | None:
    if order is None:
        return None
    whole = isinstance(order, list) and all(type(number) is int for number in order)
    if not whole or sorted(order) != list(range(joints)):
        raise InputError(f"{shown(path)}: flip_idx does not name each of {joints} joints once.")
    if any(order[order[joint]] != joint for joint in range(joints)):
        raise InputError(f"{shown(path)}: flip_idx mirrored twice is not where it began.")
    return tuple(order)


def _below(root: Path, name: str, base: Path) -> Path | None:
    """What a path in a YAML file means here; None where it is not below the data folder.

    Exports are often made for another place: `../train/images` is tried as `train/images`.
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
    """The images of a folder or of a list of images."""
    found = _below(root, name, base) or _below(root, name, root)
    if found is None:
        raise InputError(
            f"{shown(path)}: {split}: {shown(name)} is no folder or list in {shown(root)}; name "
            "one that is there."
        )
    if found.is_dir():
        return images_in(found)
    images = []
    for number, line in numbered_lines(found):
        where = f"{shown(found)}, line {number}"
        image = _below(root, line, base) or _below(root, line, found.parent)
        images.append(image or inside(root, line.removeprefix("./"), where))
    return images


def _from_folders(root: Path) -> Layout:
    """Without YAML: folders named after splits, else one folder of images."""
    layout = Layout()
    for split, names in SPLIT_NAMES.items():
        for name in names:
            places = [root / image / name for image in IMAGE_FOLDERS]
            places += [root / name / image for image in IMAGE_FOLDERS] + [root / name]
            place = next((place for place in places if place.is_dir()), None)
            if place is not None and (images := images_in(place)):
                layout.splits.setdefault(split, images)
    if not layout.splits:
        places = [root / image for image in IMAGE_FOLDERS if (root / image).is_dir()]
        layout.splits[""] = images_in(places[0] if places else root)
    for file in _NAME_FILES:
        if (root / file).is_file():
            layout.names = tuple(line for _, line in numbered_lines(root / file))
            break
    return layout
