"""From the values or colors of masks to classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.sources.maps.class_colors import ClassColors, distance, rgb
from training.data.sources.maps.mask_probe import Counts, ProbedMask
from training.data.sources.reading.graph_checks import assert_in_graph
from training.data.sources.reading.index_maps import color_map_reader, index_map_reader
from zoo.tasks.sample_schema import IGNORE

_UNLISTED = -1


@dataclasses.dataclass(frozen=True)
class MaskCoding:
    """The class of each value, or color 0xRRGGBB, of a mask.

    Attributes:
        names: class names by class index.
        classes: class, or `IGNORE`, of each listed value or color.
        colors: colors of the classes; None if masks are read by value.
        threshold: value from which on unlisted values are class 1, and class 0 below; or None.
        unlisted: what becomes of other values: `error`, `ignore`, or `nearest` listed value.
        remedy: correction of an unlisted value.
    """

    names: tuple[str, ...]
    classes: Counts
    colors: ClassColors | None = None
    threshold: int | None = None
    unlisted: str = "error"
    remedy: str = "list it with values=… or ignore it with void=…"

    @classmethod
    def of_colors(cls, colors: ClassColors, names: tuple[str, ...], unlisted: str) -> MaskCoding:
        """Returns the coding of color masks."""
        remedy = f"add it to {colors.source}, or use unlisted=nearest or unlisted=ignore"
        return cls(names or colors.names, colors.classes, colors, None, unlisted, remedy)

    @property
    def reads_lossy(self) -> bool:
        """Whether JPEG files can be read, because values need not be exact."""
        return self.threshold is not None or self.unlisted == "nearest"

    def class_of(self, value: int) -> int:
        """Returns the class of a value or color, `IGNORE`, or −1 for an error."""
        if value in self.classes:
            return self.classes[value]
        if self.threshold is not None:
            return int(value >= self.threshold)
        if self.unlisted == "error":
            return _UNLISTED
        return IGNORE if self.unlisted == "ignore" else self.classes[self.nearest(value)]

    def nearest(self, value: int) -> int:
        """Returns the nearest listed value or color."""
        measure = distance if self.colors else lambda first, second: abs(first - second)
        return min(self.classes, key=lambda listed: measure(listed, value))

    def counts(self, mask: ProbedMask) -> Counts:
        """Returns the pixels of a mask by value or color, as the coding reads them."""
        return mask.colors if self.colors else mask.values

    def class_counts(self, mask: ProbedMask) -> Counts:
        """Returns the pixels of a mask by class, with `IGNORE` and −1."""
        counts: Counts = {}
        for value, count in self.counts(mask).items():
            index = self.class_of(value)
            counts[index] = counts.get(index, 0) + count
        return counts

    def problem(self, mask: ProbedMask) -> str:
        """Returns a description of the unlisted value with the most pixels; empty without one."""
        if mask.is_color and not self.colors and self.threshold is None:
            return "a color image among masks of class numbers"
        if mask.lossy and not self.colors and not self.reads_lossy:
            return "JPEG changes class indices"
        found = {v: n for v, n in self.counts(mask).items() if self.class_of(v) == _UNLISTED}
        if not found:
            return ""
        value = max(found, key=lambda v: found[v])
        more = f", and {len(found) - 1} more," if len(found) > 1 else ""
        pixels = f"in {found[value]} pixels"
        if self.colors:
            near = self.colors.named(self.nearest(value))
            return f"color {rgb(value)} {pixels}{more} is not listed, the nearest is {near}"
        return f"value {value} {pixels}{more} is not one of {listed(self.classes)}"

    def decoder(self, paths: Iterable[Path]) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a path, inside tf.data, to its class map (H, W) int32.

        It fails at an unlisted value.
        """
        read = color_map_reader(paths) if self.colors else index_map_reader(paths, self.reads_lossy)
        encode = self._encode_colors if self.colors else self._encode_values

        def decode(path: tf.Tensor) -> tf.Tensor:
            values = read(path)
            classes = encode(values)
            wrong = classes == _UNLISTED
            # The message is computed only for a mask that fails.
            check = tf.cond(
                tf.reduce_any(wrong),
                lambda: assert_in_graph(tf.constant(False), *self._message(path, values, wrong)),
                tf.no_op,
            )
            with tf.control_dependencies([check]):
                return tf.identity(classes)

        return decode

    def _encode_values(self, values: tf.Tensor) -> tf.Tensor:
        last = max([*self.classes, self.threshold or 0]) + 1
        table = tf.constant([self.class_of(value) for value in range(last + 1)], tf.int32)
        # Negative values are as unlisted as those above all others.
        return tf.gather(table, tf.where(values < 0, last, tf.minimum(values, last)))

    def _encode_colors(self, colors: tf.Tensor) -> tf.Tensor:
        codes, classes = self._sorted()
        place = tf.searchsorted(codes, tf.reshape(colors, [-1]))
        place = tf.reshape(tf.minimum(place, tf.size(codes) - 1), tf.shape(colors))
        known = tf.gather(codes, place) == colors
        found = tf.gather(classes, place)
        if self.unlisted == "nearest":
            missing = tf.where(~known)
            near = tf.gather(classes, self._nearest_code(tf.gather_nd(colors, missing)))
            return tf.tensor_scatter_nd_update(found, missing, near)
        return tf.where(known, found, IGNORE if self.unlisted == "ignore" else _UNLISTED)

    def _sorted(self) -> tuple[tf.Tensor, tf.Tensor]:
        codes = sorted(self.classes)
        classes = [self.classes[code] for code in codes]
        return tf.constant(codes, tf.int32), tf.constant(classes, tf.int32)

    def _nearest_code(self, colors: tf.Tensor) -> tf.Tensor:
        """Returns the place in the sorted codes of the nearest one, of each color (N,)."""
        codes, _ = self._sorted()
        split = [[c // 65536, c // 256 % 256, c % 256] for c in (colors, codes)]
        differences = [(a[:, None] - b[None]) ** 2 for a, b in zip(*split, strict=True)]
        return tf.argmin(tf.add_n(differences), axis=1, output_type=tf.int32)

    def _message(
        self, path: tf.Tensor, values: tf.Tensor, wrong: tf.Tensor
    ) -> tuple[tf.Tensor | str, ...]:
        """Returns the parts of the message about the highest unlisted value of a mask."""
        value = tf.reduce_max(tf.where(wrong, values, 0))
        count = tf.reduce_sum(tf.cast(values == value, tf.int32))
        end = f"; {self.remedy}."
        if not self.colors:
            text = f" pixels, not one of {listed(self.classes)}{end}"
            return "its mask ", path, " has the value ", value, " in ", count, text
        parts = (value // 65536, ", ", value // 256 % 256, ", ", value % 256)
        codes = sorted(self.classes)
        names = tf.constant([self.colors.named(code) for code in codes])
        near = names[self._nearest_code(value[None])[0]]
        return (
            *("its mask ", path, " has the color (", *parts, ") in ", count),
            *(" pixels, which is not listed, the nearest is ", near, end),
        )


def listed(values: Iterable[int], limit: int = 12) -> str:
    """Returns whole numbers as text, consecutive ones as `0…20`."""
    numbers = sorted(values)
    parts: list[str] = []
    for low, high in _ranges(numbers):
        parts += [str(low)] if low == high else [f"{low}, {high}" if high == low + 1 else ""]
        if not parts[-1]:
            parts[-1] = f"{low}…{high}"
    if len(parts) <= limit:
        return ", ".join(parts)
    return f"{', '.join(parts[: limit - 2])}, …, {parts[-1]} ({len(numbers)} values)"


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(numbers, breaks) if len(part)]
