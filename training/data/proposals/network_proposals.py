"""Proposals of a trained proposal network, for a detector of its own (Faster R-CNN's second step).

Ren et al., *Faster R-CNN*, NIPS 2015.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from training.data.augment.lazy_image import with_channels
from zoo.errors import InputError
from zoo.files.atomic_writes import digest_of
from zoo.inference.image_transform import transform_images


class NetworkProposals:
    """What a run's proposal network takes for objects, best first.

    So many boxes as the network keeps in training (of Faster R-CNN 2000), after its suppression, of
    images on the run's canvas.

    Args:
        run: folder of a run of `faster_rcnn`.

    Raises:
        InputError: no such run, or one of another architecture.
    """

    def __init__(self, run: str = ""):
        # A run opens what its recipe names, so that this module comes first.
        from training.run import open_run, serving_resize

        opened = open_run(run)
        if opened.info["architecture"] != "faster_rcnn":
            raise InputError(
                f"proposals: {run} is a run of {opened.info['architecture']}, which proposes "
                "nothing; network:RUN takes one of faster_rcnn."
            )
        self.model: Any = opened.model()
        self.image_size, self.resize = (
            opened.recipe.image_size,
            serving_resize(opened.recipe.resize),
        )
        self.digest = digest_of(opened.folder / "model.keras")

    @property
    def name(self) -> str:
        return f"network-{self.digest}"

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Nothing: the pixels are all that counts."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(P, 4) float32 xyxy in pixels of an image (H, W, C) uint8."""
        image = np.asarray(with_channels(image, self.model.channels))
        boxes, valid = self._propose(ops.convert_to_tensor(image[None]))
        return ops.convert_to_numpy(boxes)[0][ops.convert_to_numpy(valid)[0]]

    @functools.cached_property
    def _propose(self):
        def propose(images):
            model = self.model
            canvas, transform = transform_images(images, self.image_size, self.resize)
            outputs = model(canvas, training=False)
            maps, _ = model.maps_of(outputs)
            size = transform.resized_height, transform.resized_width
            boxes, valid = model.proposals.propose(outputs, maps, *size, training=True)
            return transform.restore_boxes(boxes), valid

        if keras.backend.backend() != "tensorflow":
            return propose
        spec = tf.TensorSpec((1, None, None, self.model.channels), tf.uint8)
        return tf.function(propose, input_signature=[spec])
