"""`masks:FOLDER` — images with one class map each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.reading.folder_layout import find_pairs
from training.data.sources.reading.graph_checks import assert_in_graph
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.index_maps import (
    assert_same_size,
    index_map_reader,
    read_index_map,
)
from training.data.sources.reading.options import read_whole_number
from training.data.sources.source import Sample
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE

MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "annotations/trimaps", "trimaps"),
    "SegmentationClass",
)
_PROBED = 2000


class MaskFolder(FileSource):
    """`masks:FOLDER?void=V&classes=a,b,c&val=0.2&split=hash|block`: images and class maps.

    Args:
        root: the data folder; for its layouts see `reading.folder_layout`.
        void: mask value that is ignored, besides 255.
        classes: names of the classes 0, 1, …, separated by commas; by default the values in the
            masks.
        val: fraction of the images to validate on if the folder has no other split.
        split: `hash` (by name) or `block` (the last images, for frames of a video or a stack).

    Raises:
        InputError: if the layout is not recognized or a mask is not an index map.
    """

    keys = ("image", "segmentation")

    def __init__(
        self, root: str, void: str = "", classes: str = "", val: str = "0.2", split: str = "hash"
    ):
        super().__init__(root)
        self.void = read_whole_number("void", void) if void else None
        splits = find_pairs(self.root, MASK_FOLDERS, val, split)
        masks = [mask for pairs in splits.values() for _, mask in pairs]
        self._read_map = index_map_reader(masks)
        values = _values_of(masks)
        self.two_valued = values.tolist() == [0, IGNORE] and self.void != IGNORE
        if self.two_valued:
            self.notes.append("masks contain only 0 and 255, which are read as classes 0 and 1.")
        self.class_names = self._names(values, classes)
        self.add_pairs(splits, "mask")

    def _names(self, values: np.ndarray, classes: str) -> tuple[str, ...]:
        if classes:
            return tuple(name.strip() for name in classes.split(","))
        if self.two_valued:
            return ("0", "255")
        used = values[(values != IGNORE) & (values != (-1 if self.void is None else self.void))]
        highest = int(used.max(initial=0))
        if highest > IGNORE:
            raise InputError(
                f"{self.root}: mask values go up to {highest}, but a class map ends at 254; if "
                f"every object has its own value, use instances:{self.root}."
            )
        return tuple(str(index) for index in range(highest + 1))

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        values = self._read_map(record["mask"])
        with tf.control_dependencies([assert_same_size(image, values, record["mask"])]):
            if self.two_valued:
                values = tf.where(values == IGNORE, 1, values)
            elif self.void is not None:
                values = tf.where(values == self.void, IGNORE, values)
        wrong = tf.logical_and(values >= self.num_classes, values != IGNORE)
        highest = tf.reduce_max(tf.where(wrong, values, 0))
        check = assert_in_graph(
            tf.logical_not(tf.reduce_any(wrong)),
            *("its mask ", record["mask"], " has class ", highest),
            f", but the classes are 0 to {self.num_classes - 1}; name more with classes=… or set "
            "void=… for the ignored value.",
        )
        with tf.control_dependencies([check]):
            return {"image": image, "segmentation": tf.identity(values)}


def _values_of(masks: list[Path]) -> np.ndarray:
    """Returns the sorted values in at most `_PROBED` masks, evenly spread."""
    probed = masks[:: -(-len(masks) // _PROBED)]
    with ThreadPoolExecutor() as pool:
        values = pool.map(lambda path: np.unique(read_index_map(path)), probed)
        return np.unique(np.concatenate(list(values)))
