"""Class names of label files that are probably one class by mistake."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.files.file_names import shown


def similar_names(names: Iterable[str]) -> list[str]:
    """Returns a note for each group of class names that differ in case or blanks only."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault("".join(name.casefold().split()), []).append(name)
    return [
        f"classes {' and '.join(map(repr, map(shown, group)))} are written alike; if they are one "
        "class, give it one name."
        for group in groups.values()
        if len(group) > 1
    ]
