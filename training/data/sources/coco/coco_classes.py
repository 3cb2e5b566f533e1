"""The classes of a data set in COCO's format, from the categories of all its files."""

from __future__ import annotations

from collections import Counter

from training.data.sources.coco.coco_file import Category, CocoFile
from training.data.sources.reading.similar_class_names import similar_names
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown


def class_names(
    files: list[CocoFile], chosen: list[str], notes: list[str]
) -> tuple[tuple[str, ...], list[Category]]:
    """Returns the class names in the order of their indices, and the categories of these names.

    Categories of several files are matched by name. A category that only groups all others, as
    Roboflow exports it, is no class unless an object has it.

    Args:
        files: the JSON files, read.
        chosen: names to use, in this order; all if empty.
        notes: receives remarks.

    Raises:
        InputError: if there are no categories, or one of `chosen` is not among them.
    """
    categories = [category for file in files for category in file.categories.values()]
    names = list(dict.fromkeys(category.name for category in categories))
    if not names:
        raise InputError(f"{shown(files[0].path)}: no categories; list them.")
    for name in chosen:
        if name not in names:
            raise InputError(f"classes: no category {name!r}{nearest(name, names)}")
    root = None if chosen else _group_of_all(categories)
    if root is not None and not any(root in file.used_names() for file in files):
        names.remove(root)
        notes.append(
            f"category {root!r} only groups the others and no object has it: it is no class."
        )
    names = chosen or names
    notes += similar_names(names)
    return tuple(names), [category for category in categories if category.name in names]


def _group_of_all(categories: list[Category]) -> str | None:
    """Returns the name of the category that is the `supercategory` of all others, or None."""
    members = Counter(category.group for category in categories)
    entries = Counter(category.name for category in categories)
    for name, count in entries.items():
        if 0 < len(categories) - count <= members[name]:
            others = [category for category in categories if category.name != name]
            if all(category.group == name for category in others):
                return name
    return None
