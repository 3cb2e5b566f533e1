"""Data sets whose images have one object, or only a class, each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.source import Sample


class OneObjectSource(ObjectSource):
    """A sample has `image` and those of `label` (), `box` (4,) and `keypoints` (K, 3) that `keys`
    names. An image whose object cannot be learned from has a box and joints of zeros.
    """

    def add_single(
        self, split: str, images: list[AnnotatedImage], columns: Mapping[str, np.ndarray]
    ) -> None:
        """Adds a split of images with one object or none each.

        Args:
            split: its name.
            images: its records.
            columns: more values of every record, for `decode`; `label` is the image's class.
        """
        for place, image in enumerate(images):
            image.number = place
        self.add_images(split, images)
        plain = self._columns[split].plain
        with tf.device("CPU"):
            for name, values in columns.items():
                # Some images may have been left out.
                plain[name] = tf.gather(tf.constant(values), plain["number"])

    def _checked(self, split: str, images: list[AnnotatedImage]) -> list[AnnotatedImage]:
        """Without the images whose only object was left out."""
        images = super()._checked(split, images)
        if not self.drop_bad or "box" not in self.keys:
            return images
        kept = [image for image in images if image.objects]
        if len(kept) < len(images):
            self._left_out["image"] += len(images) - len(kept)
            self._tell()
        return kept

    def open(self, record: dict[str, tf.Tensor]) -> Sample:
        found = super().open(record)
        sample = {"image": found["image"]}
        if "label" in self.keys:
            sample["label"] = record["label"]
        if "box" in self.keys:
            sample["box"] = tf.pad(found["boxes"], [[0, 1], [0, 0]])[0]
        if "keypoints" in self.keys:
            sample["keypoints"] = tf.pad(found["keypoints"], [[0, 1], [0, 0], [0, 0]])[0]
        return sample
