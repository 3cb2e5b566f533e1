"""Whether the values of masks are class numbers: grey edges, gaps, mixed and instance masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data.sources.maps.mask_coding import listed
from training.data.sources.maps.mask_probe import ProbedMask
from training.data.sources.reading.index_maps import read_index_map
from zoo.tasks.sample_schema import IGNORE

_INSPECTED = 32
_MIN_EDGE_VALUES = 3
_SOLID_FRACTION = 0.05
_MANY_INSTANCES = 8
_GAP_FACTOR = 4


def grey_levels(masks: Sequence[ProbedMask], void: frozenset[int]) -> list[int]:
    """Returns the values between which all others are grey edges; empty if the others are not.

    Antialiasing and resizing make values one pixel wide, while a class has pixels whose neighbors
    are of the same class.
    """
    mixed = [mask for mask in masks if len(mask.values.keys() - void) > 2]
    if not mixed:
        return []
    chosen = mixed[:: -(-len(mixed) // _INSPECTED)]
    pixels, inner = np.zeros(65537, np.int64), np.zeros(65537, np.int64)
    for mask in chosen:
        values = np.clip(read_index_map(mask.path, lossy=True), 0, 65536)
        pixels += np.bincount(values.ravel(), minlength=65537)
        inner += np.bincount(values[1:-1, 1:-1][_uniform(values)], minlength=65537)
    pixels[list(void)] = 0
    present = np.flatnonzero(pixels)
    solid = present[inner[present] >= _SOLID_FRACTION * pixels[present]]
    thin = np.setdiff1d(present, solid)
    if len(solid) < 2 or len(thin) < max(_MIN_EDGE_VALUES, len(solid) + 1):
        return []
    between = (thin > solid[0]) & (thin < solid[-1])
    return solid.tolist() if between.mean() > 0.5 else []


def _uniform(values: np.ndarray) -> np.ndarray:
    """Returns which inner pixels (H − 2, W − 2) have eight neighbors of their own value."""
    across = values[:, 1:] == values[:, :-1]
    across = across[:, 1:] & across[:, :-1]
    down = values[1:] == values[:-1]
    down = (down[1:] & down[:-1])[:, 1:-1]
    return across[:-2] & across[1:-1] & across[2:] & down


def is_mixed(masks: Sequence[ProbedMask], void: frozenset[int]) -> bool:
    """Returns whether 255 occurs in some masks and objects of other values only in others.

    Then 255 may be an object, in masks of 0 and 255 beside masks of class numbers.
    """
    background = void | {0}
    with_255 = [mask for mask in masks if IGNORE in mask.values and 0 in mask.values]
    together = any(mask.values.keys() - background - {IGNORE} for mask in with_255)
    others = any(mask.values.keys() - background - {IGNORE} for mask in masks)
    return bool(with_255) and others and not together


def unused_numbers(values: Sequence[int]) -> int:
    """Returns how many numbers from 0 to the highest value no mask uses."""
    return max(values) + 1 - len(values)


def has_wide_gaps(values: Sequence[int]) -> bool:
    """Returns whether values are too far apart for class numbers, such as 0 and 128."""
    return max(values) + 1 > _GAP_FACTOR * len(values)


def rare_value(masks: Sequence[ProbedMask], values: Sequence[int]) -> str:
    """Returns ` (VALUE only in FILE)` for a value of hardly any mask; empty without one."""
    holders = {value: [mask for mask in masks if value in mask.values] for value in values}
    value = min(values, key=lambda value: len(holders[value]))
    if len(holders[value]) > max(1, len(masks) // 100) or len(masks) < 10:
        return ""
    return f" ({value} only in {holders[value][0].path.name})"


def are_instances(masks: Sequence[ProbedMask], void: frozenset[int]) -> bool:
    """Returns whether masks rather number their objects from 1, each mask as many as it has."""
    counts = set()
    for mask in masks:
        numbers = mask.values.keys() - void - {0, IGNORE}
        if numbers and numbers != set(range(1, len(numbers) + 1)):
            return False
        counts.add(len(numbers))
    return max(counts, default=0) >= _MANY_INSTANCES and len(counts - {0, 1}) >= 3


def different_palettes(masks: Sequence[ProbedMask]) -> str:
    """Returns an index with two colors in the palettes of two masks, as text; empty without one."""
    seen: dict[int, tuple[int, ProbedMask]] = {}
    for mask in masks:
        for index, color in mask.palette.items():
            other, first = seen.setdefault(index, (color, mask))
            if other != color and index != IGNORE:
                return (
                    f"index {index} is color #{other:06x} in {first.path.name} and #{color:06x} in "
                    f"{mask.path.name}"
                )
    return ""


def suggested_values(values: Sequence[int]) -> str:
    """Returns the `values=` option that makes these values the classes 0, 1, …."""
    if len(values) > 20:
        return f"list the value of each class as in ?values={values[0]},{values[1]},…"
    text = ",".join(map(str, values))
    return f"?values={text} makes the classes {listed(range(len(values)))} of them"
