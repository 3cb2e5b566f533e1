"""Pascal VOC's class maps and object maps beside its boxes."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.box_frame_masks import MASK_SIZE, masks_from_map
from training.data.sources.reading.image_files import index_map_reader, same_size
from training.data.sources.source import Sample, demand
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
    """Images with a class map, an object map, and the boxes and masks of the objects.

    Takes the arguments of `VocFolder`. The maps lie in `SegmentationClass` and
    `SegmentationObject`, PNG of the image's stem; the number of an object in its map is its place
    in the XML file, counted from 1. Class 0 is the background, then come VOC's twenty, or
    `classes` in this order; 255 is void in both maps.
    """

    lists = "Segmentation"

    def __init__(
        self,
        root: str,
        classes: str = "",
        pixels: str = "voc",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
        mask_size: str = str(MASK_SIZE),
    ):
        base = find_root(Path(root)) if root and Path(root).is_dir() else Path(root)
        self._folders = {
            "segmentation": base / "SegmentationClass",
            "instances": base / "SegmentationObject",
        }
        for folder in self._folders.values():
            if not folder.is_dir():
                raise InputError(f"{shown(folder)}: no such folder of maps; use masks: for others.")
        # The maps are palette PNG, of which the indexes are wanted.
        self._read_map = index_map_reader([])
        super().__init__(root, classes, pixels, val, split, drop_bad, mask_size)
        self.class_names = ("background", *self.object_names)
        self.keys = (*self.keys, "segmentation", "instances")

    def _choose_names(self, names: list[str], wanted: list[str]) -> tuple[str, ...]:
        """The classes of the maps, in the order of their values."""
        if wanted:
            return tuple(wanted)
        if not set(names) <= set(VOC_CLASSES):
            raise InputError(
                f"{shown(self.root)}: its classes are not VOC's; name them in the order of the "
                "maps' values with classes=…."
            )
        return VOC_CLASSES

    def add_images(self, split: str, images: list[AnnotatedImage]) -> None:
        kept = [image for image in images if self._has_maps(split, image)]
        self.keys = (*(key for key in self.keys if key != "masks"), "masks")
        super().add_images(split, kept)
        plain = self._columns[split].plain
        with tf.device("CPU"):
            for key, folder in self._folders.items():
                paths = [bytes(folder / f"{p.file.stem}.png") for p in self.images[split]]
                plain[f"{key}_map"] = tf.constant(paths)

    def _has_maps(self, split: str, image: AnnotatedImage) -> bool:
        """Whether both maps are there; without them an image can only be reported."""
        for folder in self._folders.values():
            path = folder / f"{image.file.stem}.png"
            if not path.is_file():
                problem, remedy = "no such map of a listed image", "put it back"
                self._defect(split, path, "", problem, remedy, "image")
                return False
        return True

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        segmentation = self._read_map(record["segmentation_map"])
        instances = self._read_map(record["instances_map"])
        sample = super().open({**record, "instances": instances})
        checks = [
            same_size(sample["image"], values, record[f"{key}_map"])
            for key, values in (("segmentation", segmentation), ("instances", instances))
        ]
        wrong = (segmentation >= self.num_classes) & (segmentation != IGNORE)
        checks.append(
            demand(
                ~tf.reduce_any(wrong),
                record["segmentation_map"],
                " has class ",
                tf.reduce_max(tf.where(wrong, segmentation, 0)),
                f", but classes go from 0 to {self.num_classes - 1}; name more with classes=….",
            )
        )
        with tf.control_dependencies(checks):
            sample["segmentation"] = tf.identity(segmentation)
        sample["instances"] = tf.where(instances == IGNORE, 0, instances)
        return sample

    def _masks(
        self, record: dict[str, tf.Tensor], boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        return masks_from_map(record["instances"], boxes, record["numbers"], self.mask_size)


def open_voc(
    root: str,
    maps: str = "",
    classes: str = "",
    pixels: str = "voc",
    val: str = "0.2",
    split: str = "hash",
    drop_bad: str = "",
    mask_size: str = str(MASK_SIZE),
) -> VocFolder:
    """`voc:FOLDER?maps=1&…`: `VocMaps` with `maps=1`, else `VocFolder`; see there.

    Raises:
        InputError: as they do.
    """
    if maps not in ("", "0", "1"):
        raise InputError(f"maps={maps}: expected 1 or 0.")
    if maps == "1":
        return VocMaps(root, classes, pixels, val, split, drop_bad, mask_size)
    return VocFolder(root, classes, pixels, val, split, drop_bad, mask_size)
