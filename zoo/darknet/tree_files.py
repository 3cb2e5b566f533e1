"""Trees of classes from files, as YOLO9000 takes them.

A `.tree` file has a line a node: its identifier and the number of its parent, counted from 0 by
line, −1 for a root. A `.names` file beside it has a line a node with what people call it.
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
    """A tree with names.

    Attributes:
        names: of the nodes.
        parents: number of each node's parent, −1 for a root; what `yolo9000` takes.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]

    @property
    def tree(self) -> WordTree:
        """The tree itself."""
        return WordTree(self.parents, self.names)


def read_tree(
    path: str | os.PathLike[str], names: str | os.PathLike[str] | None = None
) -> NamedTree:
    """Reads a `.tree` file.

    Args:
        path: of the tree.
        names: of a `.names` file; default the identifiers in the tree.

    Raises:
        InputError: the file and line that is wrong: no such file, a line without a number, an
            identifier twice, an orphan, a cycle; or another number of names than of nodes.
    """
    path = Path(path)
    lines = numbered_lines(path)
    where: dict[str, int] = {}
    parents = []
    for number, line in lines:
        identifier, _, parent = line.rpartition(" ")
        identifier = identifier.strip()
        if not identifier or not parent.lstrip("-").isdecimal():
            raise InputError(
                f"{path}, line {number}: a line is an identifier, a blank and its parent's number, "
                f"not {line[:60]!r}."
            )
        if identifier in where:
            raise InputError(
                f"{path}, line {number}: {identifier!r} stands on line {where[identifier]} already."
            )
        if not ROOT <= int(parent) < len(lines):
            raise InputError(
                f"{path}, line {number}: {identifier!r} is an orphan: its parent is {parent}, and "
                f"nodes are 0 to {len(lines) - 1}, or −1 above a root."
            )
        where[identifier] = number
        parents.append(int(parent))
    called = list(where) if names is None else [line for _, line in numbered_lines(Path(names))]
    if len(called) != len(parents):
        raise InputError(
            f"{names}: {len(called)} names for the {len(parents)} nodes of {path}; one a line."
        )
    found = NamedTree(tuple(called), tuple(parents))
    try:
        WordTree(parents, list(where))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return found


def tree_of_parents(parents: dict[str, str | None]) -> NamedTree:
    """A tree from each class's parent by name, None for a root; nodes in the order given.

    Raises:
        InputError: a parent that is no class, or a cycle.
    """
    number = {name: index for index, name in enumerate(parents)}
    for name, parent in parents.items():
        if parent is not None and parent not in number:
            raise InputError(f"{name!r} is an orphan: its parent {parent!r} is no class.")
    above = tuple(ROOT if parent is None else number[parent] for parent in parents.values())
    found = NamedTree(tuple(parents), above)
    WordTree(found.parents, found.names)
    return found


def write_tree(tree: NamedTree, path: str | os.PathLike[str]) -> None:
    """Writes a `.tree` file; blanks in names become underscores."""
    lines = zip(tree.names, tree.parents, strict=True)
    write_text(path, "".join(f"{'_'.join(name.split())} {parent}\n" for name, parent in lines))
