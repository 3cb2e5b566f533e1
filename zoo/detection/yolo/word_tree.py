"""WordTree: a hierarchy of classes with a softmax over siblings (YOLO9000, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel

ROOT = -1
NEVER = -1e9
"""Logit of padding in a table of siblings."""


class WordTree:
    """A forest of classes.

    Every node is a class. P(node | parent) is a softmax over siblings, P(node) the product along
    the path to the root. Roots are siblings of each other. Redmon & Farhadi, *YOLO9000: Better,
    Faster, Stronger*, CVPR 2017.

    Args:
        parents: class index of each node's parent, −1 for a root, in any order.
        names: names of the nodes for messages; default their indices.

    Attributes:
        groups: class indices of the siblings of each group, in the order of their first one.
        paths: (nodes, depth) class indices from each node to its root, padded with −1.

    Raises:
        InputError: if there is no node, an unknown parent or a cycle.
    """

    def __init__(self, parents: Sequence[int], names: Sequence[str] | None = None):
        self.parents = tuple(int(parent) for parent in parents)
        self._names = list(names) if names is not None else [str(i) for i in range(len(parents))]
        if not self.parents:
            raise InputError("the tree must have at least one node, not 0.")
        for node, parent in enumerate(self.parents):
            if not ROOT <= parent < len(self.parents):
                raise InputError(
                    f"parent of node {self._names[node]!r} must be from 0 to "
                    f"{len(self.parents) - 1}, or -1 for a root, not {parent}."
                )
        siblings: dict[int, list[int]] = {}
        for node, parent in enumerate(self.parents):
            siblings.setdefault(parent, []).append(node)
        self.groups = tuple(map(tuple, siblings.values()))
        paths = [self._path(node) for node in range(len(self.parents))]
        depth = max(map(len, paths))
        self.paths = np.array([path + [ROOT] * (depth - len(path)) for path in paths], "int32")
        self._tables, self._position = self._layout()

    def __len__(self) -> int:
        return len(self.parents)

    def path(self, node: int) -> list[int]:
        """Returns the class indices from a node to its root."""
        return [int(each) for each in self.paths[node] if each != ROOT]

    def log_conditional(self, logits):
        """Returns log P(node | parent) of every node: (…, nodes) float32 from logits (…, nodes)."""
        return self._over_siblings(ops.cast(logits, "float32"), ops.log_softmax)

    def log_probability(self, conditional):
        """Returns log P(node) of every node from `log_conditional`, both (…, nodes)."""
        return self._to_root(conditional, 0.0, ops.add)

    def log_probability_of(self, conditional, node):
        """Returns log P(node) (…) from `log_conditional` (…, nodes) and class indices (…)."""
        path = ops.take(self.paths, node, axis=0)
        valid = path != ROOT
        terms = ops.take_along_axis(conditional, ops.where(valid, path, 0), axis=-1)
        return ops.sum(ops.where(valid, terms, 0.0), axis=-1)

    def descend(self, conditional, threshold: float) -> tuple[Any, Any]:
        """Descends to the most probable child while its P(node) is above the threshold.

        Returns the last node (…) int32 and its P(node) (…), from `log_conditional` (…, nodes).
        """
        best = self._over_siblings(conditional, _highest)
        best = ops.cast(conditional >= best, "float32")
        reached = self._to_root(best, 1.0, ops.multiply)
        probability = ops.exp(self.log_probability(conditional))
        depth = (self.paths != ROOT).sum(axis=1).astype("float32")
        high = ops.logical_or(probability > threshold, depth == 1)
        node = argmax_channel(ops.where(high, reached * depth, 0.0))
        return node, ops.take_along_axis(probability, node[..., None], axis=-1)[..., 0]

    def _over_siblings(self, values, function):
        """Applies a function, along the last axis, to the values (…, nodes) of siblings."""
        shape = ops.shape(values)[:-1]
        # The last value is the padding of the tables.
        values = ops.concatenate([values, ops.full_like(values[..., :1], NEVER)], axis=-1)
        parts = []
        for table in self._tables:
            group = ops.reshape(
                ops.take(values, table.reshape(-1), axis=-1), (*shape, *table.shape)
            )
            parts.append(ops.reshape(function(group), (*shape, table.size)))
        return ops.take(ops.concatenate(parts, axis=-1), self._position, axis=-1)

    def _to_root(self, values, neutral: float, join):
        """Joins each node's value with those of its ancestors, in a logarithmic number of steps."""
        above = np.array([len(self) if parent == ROOT else parent for parent in self.parents])
        above = np.append(above, len(self))
        values = ops.concatenate([values, ops.full_like(values[..., :1], neutral)], axis=-1)
        while (above != len(self)).any():
            values = join(values, ops.take(values, above, axis=-1))
            above = above[above]
        return values[..., : len(self)]

    def _path(self, node: int) -> list[int]:
        path: list[int] = []
        while node != ROOT:
            path.append(node)
            if len(path) > len(self.parents):
                names = ", ".join(self._names[each] for each in self._cycle(path[-1]))
                raise InputError(f"the tree has a cycle: {names}, each the parent of the next.")
            node = self.parents[node]
        return path

    def _cycle(self, node: int) -> Iterator[int]:
        """The nodes of a node's cycle, each the parent of the next."""
        start, cycle = node, [node]
        while self.parents[node] != start:
            node = self.parents[node]
            cycle.append(node)
        return reversed(cycle)

    def _layout(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Tables of groups, padded to powers of 2, and each node's position in all of them."""
        by_width: dict[int, list[tuple[int, ...]]] = {}
        for group in self.groups:
            by_width.setdefault(1 << (len(group) - 1).bit_length(), []).append(group)
        tables, position, start = [], np.zeros(len(self.parents), "int32"), 0
        for width, groups in sorted(by_width.items()):
            table = np.full((len(groups), width), len(self.parents), "int32")
            for row, group in enumerate(groups):
                table[row, : len(group)] = group
                position[list(group)] = start + row * width + np.arange(len(group))
            tables.append(table)
            start += table.size
        return tables, position


def _highest(group):
    """The largest value along the last axis, repeated."""
    return ops.broadcast_to(ops.max(group, axis=-1, keepdims=True), ops.shape(group))
