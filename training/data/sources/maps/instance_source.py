"""`instances:FOLDER` — images with one map each in which every object has its own number."""

from __future__ import annotations

import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.objects.box_frame_masks import masks_from_map
from training.data.sources.reading.folder_layout import find_pairs
from training.data.sources.reading.image_files import index_map_reader, open_image, same_size
from training.data.sources.source import Sample

INSTANCE_FOLDERS = ("instances", "instance", "masks", "labels", "SegmentationObject")


class InstanceFolder(FileSource):
    """`instances:FOLDER?name=object&val=0.2&split=hash|block`: images and instance maps.

    A sample has the two maps, and the `boxes`, `labels` and `masks` of the objects, in the order of
    their numbers. All are of one class.

    Args:
        root: the folder; for the layouts it may have see `reading.folder_layout`.
        name: of the objects' class; the class map is background and this.
        val: share to hold out where the folder names no validation images.
        split: `"hash"` (by name) or `"block"` (the last ones in order).

    Raises:
        InputError: the layout is not recognised or a map is not an index map.
    """

    keys = ("image", "segmentation", "instances", "boxes", "labels", "masks")

    def __init__(self, root: str, name: str = "object", val: str = "0.2", split: str = "hash"):
        super().__init__(root)
        self.class_names = ("background", name)
        self.object_names = (name,)
        pairs = find_pairs(self.root, INSTANCE_FOLDERS, val, split)
        self._read_map = index_map_reader([m for records in pairs.values() for _, m in records])
        for part, records in pairs.items():
            self.add_split(
                part,
                {"image": [str(i) for i, _ in records], "instances": [str(m) for _, m in records]},
            )

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        instances = self._read_map(record["instances"])
        with tf.control_dependencies([same_size(image, instances, record["instances"])]):
            segmentation = tf.cast(instances > 0, tf.int32)
        numbers, boxes = numbered_boxes(instances)
        return {
            "image": image,
            "segmentation": segmentation,
            "instances": instances,
            "boxes": boxes,
            "labels": tf.zeros_like(numbers),
            "masks": masks_from_map(instances, boxes, numbers),
        }


def numbered_boxes(instances: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The objects of an instance map and what they cover.

    Args:
        instances: (H, W) int32, 0 where there is no object.

    Returns:
        Their numbers (N,) int32, ascending, and boxes (N, 4) float32 `xyxy` in pixels.
    """
    places = tf.where(instances > 0)
    each = tf.gather_nd(instances, places)
    places = tf.cast(places, tf.int32)
    count = tf.reduce_max(instances) + 1
    low = tf.math.unsorted_segment_min(places, each, count)
    high = tf.math.unsorted_segment_max(places, each, count) + 1
    numbers = tf.cast(tf.where(high[:, 0] > low[:, 0])[:, 0], tf.int32)
    corners = tf.concat([tf.gather(low, numbers)[:, ::-1], tf.gather(high, numbers)[:, ::-1]], 1)
    return numbers, tf.cast(corners, tf.float32)
