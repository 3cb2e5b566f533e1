"""Pascal VOC's boxes together with its class maps and instance maps."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE, masks_from_map
from training.data.sources.reading.graph_checks import assert_in_graph
from training.data.sources.reading.index_maps import assert_same_size, index_map_reader
from training.data.sources.reading.options import read_flag
from training.data.sources.source import Sample
from training.data.sources.voc.voc_layout import find_root
from training.data.sources.voc.voc_source import VocFolder
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.tasks.sample_schema import IGNORE

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)


class VocMaps(VocFolder):
    """Images with a class map, an instance map, and the boxes and masks of the objects.

    The maps are PNG of the image's stem in `SegmentationClass` and `SegmentationObject`; the
    instance id of an object is its position in the XML file, from 1. Class 0 is the background,
    followed by VOC's twenty classes, or by `classes`; 255 is ignored in both maps. An object that
    is in no instance map has no outline; an image in no list may have no map.

    Args:
        root: the data folder.
        options: further arguments of `VocFolder`.
    """

    lists = "Segmentation"
    numbered = True

    def __init__(self, root: str, *options: str):
        base = find_root(Path(root)) if root and Path(root).is_dir() else Path(root)
        self._folders = {
            "segmentation": base / "SegmentationClass",
            "instances": base / "SegmentationObject",
        }
        for folder in self._folders.values():
            if not folder.is_dir():
                raise InputError(
                    f"{shown(folder)}: no such folder of maps; open other maps as masks:."
                )
        self._read_map = index_map_reader([])
        super().__init__(root, *options)
        self.class_names = ("background", *self.object_names)
        self.keys = (*self.keys, "segmentation", "instances")

    def _select_classes(self, names: list[str], classes: list[str]) -> tuple[str, ...]:
        """Returns the classes of the maps, in the order of their values."""
        if classes:
            return tuple(classes)
        if not set(names) <= set(VOC_CLASSES):
            raise InputError(
                f"{shown(self.root)}: its classes are not VOC's; name them with classes=… in the "
                "order of the maps' values."
            )
        return VOC_CLASSES

    def add_images(self, split: str, images: list[AnnotatedImage]) -> None:
        images = [image for image in images if self._has_classes(split, image)]
        for image in images:
            if not self._map_of(image, "instances"):
                for item in image.annotations:
                    item.instance_id = 0
        self.keys = (*(key for key in self.keys if key != "masks"), "masks")
        super().add_images(split, images)
        plain = self._columns[split].plain
        with tf.device("CPU"):
            for key in self._folders:
                paths = [self._map_of(image, key) for image in self.images[split]]
                plain[f"{key}_map"] = tf.constant(paths, tf.string)

    def _map_of(self, image: AnnotatedImage, key: str) -> bytes:
        """Returns the path of an image's map; empty if there is none."""
        path = self._folders[key] / f"{image.file.stem}.png"
        return bytes(path) if path.is_file() else b""

    def _has_classes(self, split: str, image: AnnotatedImage) -> bool:
        """Returns whether an image has the class map that a list requires; reports a missing one.

        Without lists, images may have boxes only.
        """
        listed = (self.root / "ImageSets" / self.lists).is_dir()
        if not listed or self._map_of(image, "segmentation"):
            return True
        path = self._folders["segmentation"] / f"{image.file.stem}.png"
        remedy = "restore the file or remove the image from the list"
        self._defect(split, path, "", "no such map of a listed image", remedy, "image")
        return False

    def _map(self, path: tf.Tensor, size: tuple[tf.Tensor, tf.Tensor], absent: int) -> tf.Tensor:
        """Returns an (H, W) int32 map, filled with `absent` if the image has none."""
        return tf.cond(path == "", lambda: tf.fill(size, absent), lambda: self._read_map(path))

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        record = dict(record)
        sample = super().open(record)
        instances = record["instances"]
        size = (sample["image"].height, sample["image"].width)
        segmentation = self._map(record["segmentation_map"], size, IGNORE)
        checks = [
            assert_same_size(sample["image"], values, record[f"{key}_map"])
            for key, values in (("segmentation", segmentation), ("instances", instances))
        ]
        wrong = (segmentation >= self.num_classes) & (segmentation != IGNORE)
        checks.append(
            assert_in_graph(
                ~tf.reduce_any(wrong),
                *(record["segmentation_map"], " has class "),
                tf.reduce_max(tf.where(wrong, segmentation, 0)),
                f", but the classes are 0 to {self.num_classes - 1}; name more with classes=….",
            )
        )
        with tf.control_dependencies(checks):
            sample["segmentation"] = tf.identity(segmentation)
        sample["instances"] = tf.where(instances == IGNORE, 0, instances)
        return sample

    def _masks(
        self, record: dict[str, tf.Tensor], boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        record["instances"] = instances = self._map(record["instances_map"], (height, width), 0)
        ids = record["instance_ids"]
        masks = masks_from_map(instances, boxes, ids, self.mask_size)
        least = tf.reduce_max(tf.concat([ids, [0]], axis=0)) + 1
        found = tf.gather(tf.math.bincount(tf.reshape(instances, [-1]), minlength=least), ids) > 0
        return tf.where((found & (ids > 0))[:, None, None], masks, tf.cast(IGNORE, masks.dtype))


def open_voc(
    root: str,
    maps: str = "",
    classes: str = "",
    pixels: str = "voc",
    val: str = "0.2",
    split: str = "hash",
    drop_bad: str = "",
    mask_size: str = str(MASK_SIZE),
    fold: str = "",
) -> VocFolder:
    """Opens `voc:FOLDER?maps=1&…`.

    Args:
        maps: `1` for `VocMaps`, `0` (the default) for `VocFolder`; all other arguments are theirs.
    """
    reader = VocMaps if read_flag("maps", maps) else VocFolder
    return reader(root, classes, pixels, val, split, drop_bad, mask_size, fold)
