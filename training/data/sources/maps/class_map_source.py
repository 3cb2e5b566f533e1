"""The base class of data sets of images with one class map each."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from training.data.sources.file_source import FileSource
from training.data.sources.reading.folder_layout import Pairs
from training.data.sources.reading.image_files import open_image
from training.data.sources.reading.index_maps import assert_same_size
from training.data.sources.source import Sample
from zoo.errors import InputError


class ClassMapSource(FileSource):
    """Images with a class map each; a subclass finds the files and calls `add_maps`.

    Attributes:
        trained_classes: classes with pixels in `train`; None if not known.
    """

    keys = ("image", "segmentation")
    trained_classes: frozenset[int] | None = None

    def add_maps(self, splits: dict[str, Pairs], decode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Adds splits of images and masks; `decode` turns a path into a class map (H, W) int32."""
        self._decode_map = decode
        self.add_pairs(splits, "mask")

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        image = open_image(record["image"])
        classes = self._decode_map(record["mask"])
        with tf.control_dependencies([assert_same_size(image, classes, record["mask"])]):
            return {"image": image, "segmentation": tf.identity(classes)}

    def check_trainable(self, targets: tuple[str, ...]) -> None:
        super().check_trainable(targets)
        found = self.trained_classes
        if "segmentation" not in targets or found is None or not self.sizes.get("train"):
            return
        if len(found) < 2:
            name = "".join(self.class_names[index] for index in found)
            only = f"have pixels of one class only ({name})" if name else "are ignored as a whole"
            raise InputError(
                f"{self.spec}: the masks of train {only}, but training needs two classes; "
                "`zoo data` shows the classes of each split."
            )
