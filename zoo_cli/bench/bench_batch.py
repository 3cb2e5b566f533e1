"""Synthetic batch of any task, for timing a training step."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

import zoo
from zoo.errors import InputError
from zoo.tasks import SCHEMA

_OBJECTS, _CELLS, _WORDS = 8, 28, 15


def synthetic_batch(
    model: zoo.Model, image_size: tuple[int, int], batch_size: int, max_objects: int
) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns images (B, H, W, C) float32 of noise and targets of the model's task.

    For a model that takes proposals, the images are a dictionary of images and proposals. Of the
    `max_objects` rows of the keys with objects, eight are not padding.
    """
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch_size, *image_size, model.channels))
    keys = dict.fromkeys((*zoo.card(str(model.architecture)).targets, *model.task.optional))
    unknown = [key for key in keys if key not in SCHEMA]
    if unknown:
        raise InputError(f"{model.architecture}: unknown target {unknown[0]!r}.")
    targets = _SyntheticTargets(model, image_size, batch_size, max_objects, "labels" in keys)
    inputs = with_proposals(model, images.astype(np.float32))
    return inputs, {key: targets.make(key, random) for key in keys}


def with_proposals(model: zoo.Model, images: np.ndarray) -> Any:
    """Returns the inputs of a model: images (B, H, W, C), or images and proposals."""
    if not model.takes_proposals:
        return images
    return {
        "image": images,
        "proposals": synthetic_proposals(model, len(images), images.shape[1:3]),
    }


def synthetic_proposals(model: Any, batch_size: int, image_size: Sequence[int]) -> np.ndarray:
    """Returns (B, P, 4) float32 boxes of any shape, as many as the model takes."""
    random = np.random.default_rng(1)
    corners = np.sort(random.uniform(0, 1, (batch_size, model.max_proposals, 2, 2)), axis=2)
    boxes = corners * [image_size[1], image_size[0]]
    return boxes.reshape(batch_size, -1, 4).astype(np.float32)


class _SyntheticTargets:
    """Values of each key of the sample schema."""

    def __init__(self, model: zoo.Model, size, batch: int, rows: int, objects: bool):
        self.size, self.batch, self.rows = size, batch, rows
        self.objects = objects
        self.valid = np.arange(rows) < min(_OBJECTS, rows)
        parameters = inspect.signature(zoo.card(str(model.architecture)).builder).parameters
        arguments = {name: p.default for name, p in parameters.items()} | model.arguments
        self.classes = int(arguments.get("num_classes") or 1)
        self.keypoints = int(arguments.get("num_keypoints") or 1)
        self.words = len(getattr(model, "tokens", ())) or 1000

    def make(self, key: str, random: np.random.Generator) -> np.ndarray:
        """Returns the (B, …) values of a key."""
        return getattr(self, f"_{key}")(random).astype(SCHEMA[key].dtype)

    def _segmentation(self, random):
        return random.integers(0, self.classes, (self.batch, *self.size))

    def _instances(self, random):
        return random.integers(0, _OBJECTS + 1, (self.batch, *self.size))

    def _label(self, random):
        return random.integers(0, self.classes, self.batch)

    def _box(self, random):
        return self._random_boxes(random, (self.batch,))

    def _boxes(self, random):
        return self._random_boxes(random, (self.batch, self.rows)) * self.valid[:, None]

    def _labels(self, random):
        classes = random.integers(0, self.classes, (self.batch, self.rows))
        return np.where(self.valid, classes, SCHEMA["labels"].padding)

    def _crowd(self, random):
        return np.zeros((self.batch, self.rows))

    _difficult = _crowd

    def _masks(self, random):
        masks = random.integers(0, 2, (self.batch, self.rows, _CELLS, _CELLS))
        return masks * self.valid[:, None, None]

    def _keypoints(self, random):
        rows = (self.batch, self.rows) if self.objects else (self.batch,)
        points = random.uniform(0, 1, (*rows, self.keypoints, 2)) * self.size[::-1]
        return np.concatenate([points, np.full((*rows, self.keypoints, 1), 2.0)], -1)

    def _captions(self, random) -> np.ndarray:
        return random.integers(1, self.words, (self.batch, self.rows, _WORDS))

    def _random_boxes(self, random, shape: tuple[int, ...]) -> np.ndarray:
        near = random.uniform(0, 0.6, (*shape, 2))
        far = near + random.uniform(0.1, 0.4, (*shape, 2))
        width_height: Any = self.size[::-1]
        return np.concatenate([near * width_height, far * width_height], -1)
