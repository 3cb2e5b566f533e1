"""`masks:FOLDER` — images with one class map each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.reading.folder_layout import find_pairs
from training.data.sources.reading.image_files import (
    index_map_reader,
    open_image,
    read_index_map,
    same_size,
)
from training.data.sources.source import Sample, demand
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE

MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotations/trimaps",
    "trimaps",
    "SegmentationClass",
)
_LOOKED_AT = 2000


class MaskFolder(FileSource):
    """`masks:FOLDER?void=V&classes=a,b,c&val=0.2&split=hash|block`: images and class maps.

    Args:
        root: the folder; for the layouts it may have see `reading.folder_layout`.
        void: mask value that means "ignore", besides 255.
        classes: names of the classes 0, 1, …, separated by commas; without them the number of
            classes is read from the masks.
        val: share to hold out where the folder names no validation images.
        split: `"hash"` (by name) or `"block"` (the last ones, for frames of a video or a stack).

    Raises:
        InputError: the layout is not recognised or a mask is not an index map.
    """

    keys = ("image", "segmentation")

    def __init__(
        self, root: str, void: str = "", classes: str = "", val: str = "0.2", split: str = "hash"
    ):
        super().__init__(root)
        if void and not void.isdigit():
            raise InputError(f"void={void}: expected the mask value to ignore, a whole number.")
        self.void = int(void) if void else None
        pairs = find_pairs(self.root, MASK_FOLDERS, val, split)
        masks = [mask for records in pairs.values() for _, mask in records]
        self._read_map = index_map_reader(masks)
        values = _values_of(masks)
        self.two_valued = values.tolist() == [0, IGNORE] and self.void != IGNORE
        if self.two_valued:
            self.notes.append("masks hold 0 and 255 only: read as class 0 and class 1")
        self.class_names = self._names(values, classes)
        for name, records in pairs.items():
            self.add_split(
                name,
                {"image": [str(i) for i, _ in records], "mask": [str(m) for _, m in records]},
            )

    def _names(self, values: np.ndarray, classes: str) -> tuple[str, ...]:
        if classes:
            return tuple(name.strip() for name in classes.split(","))
        if self.two_valued:
            return ("0", "255")
        kept = values[(values != IGNORE) & (values != (-1 if self.void is None else self.void))]
        highest = int(kept.max(initial=0))
        if highest > IGNORE:
            raise InputError(
                f"{self.root}: mask values go up to {highest}; a class map ends at 254. "
                f"If every object has its own number, use instances:{self.root}."
            )
        return tuple(str(number) for number in range(highest + 1))

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        values = self._read_map(record["mask"])
        with tf.control_dependencies([same_size(image, values, record["mask"])]):
            if self.two_valued:
                values = tf.where(values == IGNORE, 1, values)
            elif self.void is not None:
                values = tf.where(values == self.void, IGNORE, values)
        wrong = tf.logical_and(values >= self.num_classes, values != IGNORE)
        check = demand(
            tf.logical_not(tf.reduce_any(wrong)),
            *(
                "its mask ",
                record["mask"],
                " has class ",
                tf.reduce_max(tf.where(wrong, values, 0)),
            ),
            f", but classes go from 0 to {self.num_classes - 1}; name more with classes=… "
            "or say void=… for the value to ignore.",
        )
        with tf.control_dependencies([check]):
            return {"image": image, "segmentation": tf.identity(values)}


def _values_of(masks) -> np.ndarray:
    """The values that occur, sorted, in at most `_LOOKED_AT` masks evenly spread."""
    chosen = masks[:: -(-len(masks) // _LOOKED_AT)]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda path: np.unique(read_index_map(path)), chosen)
        return np.unique(np.concatenate(list(found)))
