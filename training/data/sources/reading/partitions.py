"""Divisions of images into parts: cut in order, by group, or with each class in proportion."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Hashable, Sequence


def hash_rank(name: str) -> str:
    """Returns a sorting key that scatters names in the same way on every machine."""
    # File names may hold bytes that are not UTF-8.
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def cut(order: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Returns the part of each item: the first `sizes[0]` items of an order are part 0, …."""
    parts = [0] * len(order)
    start = 0
    for part, size in enumerate(sizes):
        for index in order[start : start + size]:
            parts[index] = part
        start += size
    return parts


def cut_groups(groups: Sequence[str], sizes: Sequence[int]) -> list[int]:
    """Returns the part of each item such that no group is in two parts.

    Part sizes are as near to `sizes` as whole groups allow; as long as there are enough groups,
    every part has one.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    # Large groups first: small ones then even out the sizes.
    order = sorted(members, key=lambda group: (-len(members[group]), hash_rank(group)))
    room = list(map(float, sizes))
    empty = set(range(len(sizes)))
    parts = [0] * len(groups)
    for place, group in enumerate(order):
        choice = empty if len(order) - place <= len(empty) else range(len(sizes))
        # With several groups of a size, a small part still gets one early enough.
        part = max(choice, key=lambda part: (room[part], -sizes[part]))
        room[part] -= len(members[group])
        empty.discard(part)
        for index in members[group]:
            parts[index] = part
    return parts


def cut_stratified(
    classes: Sequence[Collection[Hashable]], order: Sequence[int], sizes: Sequence[int]
) -> list[int]:
    """Returns the part of each item such that each class is divided in proportion to `sizes`.

    An item may have several classes: the rarest class that is left is divided first, as in
    Sechidis et al., *On the Stratification of Multi-Label Data*, ECML 2011.

    Args:
        classes: classes of each item.
        order: order of the items among equals.
        sizes: number of items of each part.
    """
    total = sum(sizes)
    room = list(map(float, sizes))
    members: dict[Hashable, dict[int, None]] = {}
    for index in order:
        for name in classes[index] or [None]:
            members.setdefault(name, {})[index] = None
    wanted = {
        name: [len(items) * size / total for size in sizes] for name, items in members.items()
    }
    parts = [0] * len(order)
    while members:
        rarest = min(members, key=lambda name: (len(members[name]), str(name)))
        for index in list(members[rarest]):
            part = max(range(len(sizes)), key=lambda part: (wanted[rarest][part], room[part]))
            parts[index] = part
            room[part] -= 1
            for name in classes[index] or [None]:
                wanted[name][part] -= 1
                members[name].pop(index, None)
        members = {name: items for name, items in members.items() if items}
    return parts
