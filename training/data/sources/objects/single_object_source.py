"""Data sets whose pictures have one object, or only a class, each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from training.data.sources.objects.annotations import Picture
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.source import Sample


class OneObjectSource(ObjectSource):
    """A sample has `image` and those of `label` (), `box` (4,) and `keypoints` (K, 3) that `keys`
    names. A picture whose object cannot be learned from has a box and joints of zeros.
    """

    def add_single(
        self, split: str, pictures: list[Picture], columns: Mapping[str, np.ndarray]
    ) -> None:
        """Adds a split of pictures with one object or none each.

        Args:
            split: its name.
            pictures: its records.
            columns: more values of every record, for `decode`; `label` is the picture's class.
        """
        for place, picture in enumerate(pictures):
            picture.number = place
        self.add_pictures(split, pictures)
        plain = self._columns[split].plain
        with tf.device("CPU"):
            for name, values in columns.items():
                # Some pictures may have been left out.
                plain[name] = tf.gather(tf.constant(values), plain["number"])

    def _checked(self, split: str, pictures: list[Picture]) -> list[Picture]:
        """Without the pictures whose only object was left out."""
        pictures = super()._checked(split, pictures)
        if not self.drop_bad or "box" not in self.keys:
            return pictures
        kept = [picture for picture in pictures if picture.objects]
        if len(kept) < len(pictures):
            self._left_out["picture"] += len(pictures) - len(kept)
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
