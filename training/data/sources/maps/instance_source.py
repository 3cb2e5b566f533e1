"""`instances:FOLDER` — images with one instance map each."""

from __future__ import annotations

import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.objects.instance_maps import boxes_from_map, masks_from_map
from training.data.sources.reading.folder_layout import find_pairs
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.index_maps import assert_same_size, index_map_reader
from training.data.sources.reading.splits import SplitRule
from training.data.sources.source import Sample

INSTANCE_FOLDERS = ("instances", "instance", "masks", "labels", "SegmentationObject")


class InstanceFolder(FileSource):
    """`instances:FOLDER?name=object&val=0.2&split=hash|block`: images and instance maps.

    A sample has class map and instance map, and the `boxes`, `labels` and `masks` of the objects in
    ascending order of instance ids. All objects are of one class.

    Args:
        root: the data folder; for its layouts see `reading.folder_layout`.
        name: class name of the objects; the class map has `background` and this class.
        val: fraction of the images to validate on if the folder has no other split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.

    Raises:
        InputError: if the layout is not recognized or a mask is not an index map.
    """

    keys = ("image", "segmentation", "instances", "boxes", "labels", "masks")

    def __init__(
        self, root: str, name: str = "object", val: str = "0.2", split: str = "hash", fold: str = ""
    ):
        super().__init__(root)
        self.class_names = ("background", name)
        self.object_names = (name,)
        splits = find_pairs(self, INSTANCE_FOLDERS, SplitRule(val, split, fold))
        self._read_map = index_map_reader([m for pairs in splits.values() for _, m in pairs])
        self.add_pairs(splits, "instances")

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        instances = self._read_map(record["instances"])
        check = assert_same_size(image, instances, record["instances"])
        with tf.control_dependencies([check]):
            segmentation = tf.cast(instances > 0, tf.int32)
        ids, boxes = boxes_from_map(instances)
        return {
            "image": image,
            "segmentation": segmentation,
            "instances": instances,
            "boxes": boxes,
            "labels": tf.zeros_like(ids),
            "masks": masks_from_map(instances, boxes, ids),
        }
