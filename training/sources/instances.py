"""`instances:FOLDER` — pictures with one map each in which every object has its own number."""

from __future__ import annotations

import tensorflow as tf

from training.sources.base import Sample
from training.sources.file_source import FileSource
from training.sources.files import index_map_reader, open_picture, same_size
from training.sources.folders import find_pairs

INSTANCE_FOLDERS = ("instances", "instance", "masks", "labels", "SegmentationObject")


class InstanceFolder(FileSource):
    """`instances:FOLDER?name=object&val=0.2&split=hash|block`: pictures and instance maps.

    Args:
        root: the folder; for the layouts it may have see `training.sources.folders`.
        name: what the objects are called; the class map is background and this.
        val: share to hold out where the folder names no validation pictures.
        split: `"hash"` (by name) or `"block"` (the last ones in order).

    Raises:
        InputError: the layout is not recognised or a map is not an index map.
    """

    keys = ("image", "segmentation", "instances")

    def __init__(self, root: str, name: str = "object", val: str = "0.2", split: str = "hash"):
        super().__init__(root)
        self.class_names = ("background", name)
        pairs = find_pairs(self.root, INSTANCE_FOLDERS, val, split)
        self._read_map = index_map_reader([m for records in pairs.values() for _, m in records])
        for part, records in pairs.items():
            self.add_split(
                part,
                {"image": [str(i) for i, _ in records], "instances": [str(m) for _, m in records]},
            )

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_picture(record["image"])
        instances = self._read_map(record["instances"])
        with tf.control_dependencies([same_size(image, instances, record["instances"])]):
            segmentation = tf.cast(instances > 0, tf.int32)
        return {"image": image, "segmentation": segmentation, "instances": instances}
