"""Data sets with one object, or only a class, per image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.source import Sample


class SingleObjectSource(ObjectSource):
    """Base class of data sets with at most one object per image.

    A sample has `image` and, as listed in `keys`, `label` (), `box` (4,) and `keypoints` (K, 3).
    Box and keypoints are zeros if the image has no valid object.
    """

    ignored_regions = False

    def add_single(
        self, split: str, images: list[AnnotatedImage], columns: Mapping[str, np.ndarray]
    ) -> None:
        """Adds a split of images with at most one object each.

        `columns` are further values per image, for `open`; `label` is the image's class.
        """
        for index, image in enumerate(images):
            image.image_id = index
        self.add_images(split, images)
        plain = self._columns[split].plain
        with tf.device("CPU"):
            for name, values in columns.items():
                # Some images may have been dropped.
                plain[name] = tf.gather(tf.constant(values), plain["image_id"])

    def _checked(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Returns the images, without those whose only object was dropped."""
        images = super()._checked(split, images)
        if not self.drop_bad or "box" not in self.keys:
            return images
        complete = [image for image in images if image.annotations]
        if len(complete) < len(images):
            self._dropped["image"] += len(images) - len(complete)
            self._note_dropped()
        return complete

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        objects = super().open(record)
        sample = {"image": objects["image"]}
        if "label" in self.keys:
            sample["label"] = record["label"]
        if "box" in self.keys:
            sample["box"] = tf.pad(objects["boxes"], [[0, 1], [0, 0]])[0]
        if "keypoints" in self.keys:
            sample["keypoints"] = tf.pad(objects["keypoints"], [[0, 1], [0, 0], [0, 0]])[0]
        return sample
