"""Trees of classes in files, for YOLO9000.

A `.tree` file has one line per node: its identifier and the index of its parent, counted from 0 by
line, −1 for a root. A `.names` file has one line per node with its name.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from zoo.detection.yolo.word_tree import ROOT, WordTree
from zoo.errors import InputError
from zoo.files.atomic_writes import write_text
from zoo.files.text_files import numbered_lines


@dataclasses.dataclass(frozen=True)
class NamedTree:
    """Names and parents (indices, −1 for a root) of the nodes of a tree, as for `yolo9000`."""

    names: tuple[str, ...]
    parents: tuple[int, ...]

    @property
    def tree(self) -> WordTree:
        """The tree as a `WordTree`."""
        return WordTree(self.parents, self.names)


def read_tree(
    path: str | os.PathLike[str], names: str | os.PathLike[str] | None = None
) -> NamedTree:
    """Reads a `.tree` file.

    Args:
        path: path of the `.tree` file.
        names: path of a `.names` file; default names are the identifiers in the tree.

    Raises:
        InputError: if a file cannot be read or is not that of a tree; the message names the line.
    """
    path = Path(path)
    lines = numbered_lines(path)
    where: dict[str, int] = {}
    parents = []
    for number, line in lines:
        identifier, _, parent = line.rpartition(" ")
        identifier = identifier.strip()
        # More digits than any index has; Python refuses to read thousands of them.
        number_like = parent.lstrip("-").isdecimal() and len(parent) <= 10
        if not identifier or not number_like:
            raise InputError(
                f"{path}, line {number}: the line must be an identifier, a blank and its parent's "
                f"index, not {line[:60]!r}."
            )
        if identifier in where:
            raise InputError(
                f"{path}, line {number}: {identifier!r} is on line {where[identifier]} already."
            )
        if not ROOT <= int(parent) < len(lines):
            raise InputError(
                f"{path}, line {number}: parent of node {identifier!r} must be from 0 to "
                f"{len(lines) - 1}, or -1 for a root, not {parent}."
            )
        where[identifier] = number
        parents.append(int(parent))
    titles = list(where) if names is None else [line for _, line in numbered_lines(Path(names))]
    if len(titles) != len(parents):
        raise InputError(
            f"{names}: the file must have {len(parents)} lines, one per node of {path}, not "
            f"{len(titles)}."
        )
    try:
        WordTree(parents, list(where))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return NamedTree(tuple(titles), tuple(parents))


def write_tree(tree: NamedTree, path: str | os.PathLike[str]) -> None:
    """Writes a `.tree` file; blanks in names become underscores."""
    lines = zip(tree.names, tree.parents, strict=True)
    write_text(path, "".join(f"{'_'.join(name.split())} {parent}\n" for name, parent in lines))
