"""Contact sheet of `zoo data`: images spread over a data set, and some with defects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from training.data.checking import LoadedSample, SameImage
from training.data.sources import Source
from training.drawing import Names, class_colors, draw, object_color, save_sheet, sheet

_CELL = 320
_COLUMNS = 4
_DEFECTIVE = 4
_LEGEND = 40
_PAIRS = 40


class Gallery:
    """Draws some images of a data set as it is read.

    `count` images are evenly spread over the splits; up to four with defects are added.
    """

    def __init__(self, source: Source, splits: list[str], count: int):
        self.source = source
        self.names = Names.of(source)
        per_split = -(-count // len(splits))
        self.chosen = {
            split: set(np.linspace(0, source.sizes[split] - 1, per_split).astype(int).tolist())
            for split in splits
        }
        self.defective: list[tuple[np.ndarray, str]] = []
        self.plain: list[tuple[np.ndarray, str]] = []
        self.drawn: dict[str, set[int]] = {"segmentation": set(), "labels": set(), "label": set()}
        one_class = len(source.object_names) <= 1 and "masks" in source.keys
        self.color_by = "object" if one_class else "class"

    def add(self, split: str, number: int, loaded: LoadedSample, defective: bool) -> None:
        """Draws a sample if it is one of the chosen ones."""
        defective = defective and len(self.defective) < _DEFECTIVE
        if loaded.error or not (defective or number in self.chosen[split]):
            return
        sample = self._with_image(loaded)
        if sample is None:
            return
        for key, classes in self.drawn.items():
            if key in sample:
                classes |= set(np.unique(sample[key]).tolist())
        image = draw(
            sample["image"], sample, self.names, side=_CELL, color_by=self.color_by, max_regions=6
        )
        title = f"{split}: {loaded.name.rpartition('/')[2]}"
        if defective:
            self.defective.append((image, f"✗ {title}"))
        else:
            self.plain.append((image, title))

    def _with_image(self, loaded: LoadedSample) -> dict[str, np.ndarray] | None:
        """Returns the sample with its image, decoded here if it was not; None where damaged."""
        if "image" in loaded.sample:
            return loaded.sample
        try:
            return {k: v.numpy() for k, v in self.source.decode(loaded.record).items()}
        except tf.errors.OpError:
            return None  # with --labels-only the image's damage is not reported

    def save(self, path: str) -> None:
        """Writes the sheet, images with defects first."""
        shown = self.defective + self.plain
        rows = [shown[i : i + _COLUMNS] for i in range(0, len(shown), _COLUMNS)]
        legend = self._legend()
        image = sheet(
            [[image for image, _ in row] for row in rows],
            legend=[name for name, _ in legend],
            cell=None,
            titles=[[title for _, title in row] for row in rows],
            colors=np.array([color for _, color in legend], np.uint8).reshape(-1, 3),
        )
        save_sheet(path, image)

    def save_same_images(self, path: str, pairs: Sequence[SameImage]) -> None:
        """Writes a sheet of images that are in two splits, each beside the one it resembles."""
        rows = []
        for pair in pairs[:_PAIRS]:
            places = (
                (pair.split, pair.index, pair.name),
                (pair.other_split, pair.other_index, pair.other_name),
            )
            row = [(self._image_at(*place[:2]), place) for place in places]
            rows.append(
                [
                    (image, f"{split}: {name.rpartition('/')[2]}")
                    for image, (split, _, name) in row
                    if image is not None
                ]
            )
        image = sheet(
            [[image for image, _ in row] for row in rows if row],
            cell=None,
            titles=[[title for _, title in row] for row in rows if row],
        )
        save_sheet(path, image)

    def _image_at(self, split: str, index: int) -> np.ndarray | None:
        """Returns a record's image with its labels; None if it is damaged."""
        rows = self.source.rows(split)
        try:
            if rows is not None:
                record = rows(tf.constant(index))
            else:
                record = next(iter(self.source.raw(split).skip(index)))
            sample = {key: value.numpy() for key, value in self.source.decode(record).items()}
        except tf.errors.OpError:
            return None
        return draw(
            sample["image"], sample, self.names, side=_CELL, color_by=self.color_by, max_regions=6
        )

    def _legend(self) -> list[tuple[str, tuple[int, ...]]]:
        """Returns names and colors of the classes; of very many only those on the sheet."""
        entries: dict[tuple[str, tuple[int, ...]], None] = {}
        classes = class_colors(len(self.names.classes)).tolist()
        known = [
            ("segmentation", n, name, tuple(classes[n]))
            for n, name in enumerate(self.names.classes)
        ]
        if self.color_by == "class":
            for key, names in (("labels", self.names.objects), ("label", self.names.labels)):
                known += [(key, n, name, object_color(n)) for n, name in enumerate(names)]
        for key, number, name, color in known:
            if key in self.source.keys and (len(known) <= _LEGEND or number in self.drawn[key]):
                entries[name, color] = None
        return list(entries)
