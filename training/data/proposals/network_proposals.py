"""Proposals of a trained RPN, for a separate detector (Faster R-CNN's second step).

Ren et al., *Faster R-CNN*, NIPS 2015.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import zoo
from training.data.augment.lazy_image import with_channels
from zoo.detection.two_stage.two_stage_detector import TwoStageDetector
from zoo.errors import InputError
from zoo.files.atomic_writes import digest_of
from zoo.inference.image_transform import transform_images


class NetworkProposals:
    """Proposals of a run's RPN.

    There are as many as the network keeps in training (2000 in Faster R-CNN), after NMS, at the
    run's model input size.

    Args:
        run: folder of a run of `faster_rcnn`.

    Raises:
        InputError: if there is no such run, or its model has no RPN.
    """

    def __init__(self, run: str = ""):
        path = Path(run) / "model.keras"
        if not path.is_file():
            raise InputError(f"proposals: {run!r} is not a run folder (no model.keras in it).")
        self.model: Any = zoo.load(path)
        if not isinstance(self.model, TwoStageDetector):
            raise InputError(
                f"proposals: {run} is a run of {self.model.architecture}, which has no proposal "
                "network; network:RUN needs a run of a model such as faster_rcnn."
            )
        self.digest = digest_of(path)

    @property
    def name(self) -> str:
        return f"network-{self.digest}"

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Has no effect; proposals depend on the pixels alone."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        image = np.asarray(with_channels(image, self.model.channels))
        boxes, valid = self._propose(ops.convert_to_tensor(image[None]))
        return ops.convert_to_numpy(boxes)[0][ops.convert_to_numpy(valid)[0]]

    @functools.cached_property
    def _propose(self):
        def propose(images):
            model = self.model
            inputs, transform = transform_images(images, model.image_size, model.resize)
            outputs = model(inputs, training=False)
            maps, _ = model.feature_maps(outputs)
            size = transform.resized_height, transform.resized_width
            boxes, valid = model.proposals.propose(outputs, maps, *size, training=True)
            return transform.restore_boxes(boxes), valid

        if keras.backend.backend() != "tensorflow":
            return propose
        spec = tf.TensorSpec((1, None, None, self.model.channels), tf.uint8)
        return tf.function(propose, input_signature=[spec])
