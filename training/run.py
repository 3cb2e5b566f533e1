"""Run folders: a trained model, its recipe and its metrics.

model.keras        the model of the best epoch, for `zoo.load`
run.json           architecture, data set, labels, environment, best result
recipe.toml        the recipe; `zoo train --recipe` repeats the run
labels.txt         class names, one per line
metrics.csv        metrics, one row per epoch; metrics.json has the same
checkpoint.npz     state of the training, for `--resume`
samples/           images with ground truth and predictions
logs/              TensorBoard
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from training.data.augment.lazy_image import with_channels
from training.data.batch_config import serving_resize
from training.data.proposals import Proposer, open_proposals
from training.recipe import Recipe, read_recipe
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing, write_json, write_text
from zoo.inference.inference_options import PLAIN, InferenceOptions

STEPS = "steps"
"""Folder in a run that holds the runs of earlier steps."""

_VERSION = 1


@dataclasses.dataclass
class Run:
    """An opened run folder: its path, the contents of `run.json` and its recipe."""

    folder: Path
    info: dict[str, Any]
    recipe: Recipe

    @property
    def labels(self) -> list[str]:
        """Class names."""
        return list(self.info["labels"])

    @property
    def data(self) -> str:
        """Name of the data set that the model was trained on."""
        return self.info["data"]

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint."""
        return self.folder / "checkpoint.npz"

    @property
    def history(self) -> list[dict[str, float]]:
        """Metrics of the finished epochs."""
        path = self.folder / "metrics.json"
        try:
            return json.loads(path.read_text()) if path.is_file() else []
        except ValueError as error:
            raise InputError(f"{path}: not readable ({error}).") from error

    def model(self) -> zoo.Model:
        """Returns the model of the best epoch.

        Raises:
            InputError: if no epoch has finished, or the file is damaged.
        """
        path = self.folder / "model.keras"
        if not path.is_file():
            raise InputError(f"{self.folder}: no model yet; no epoch has finished.")
        return zoo.load(path)

    def predictor(self, model: zoo.Model | None = None) -> Callable[[np.ndarray], dict[str, Any]]:
        """Returns a function from an image (H, W, C) uint8 to the run's predictions."""
        batch = self.recipe.batch
        resize = serving_resize(batch.resize)
        return predictor(model or self.model(), batch.image_size, resize, proposer=self.proposer)

    @functools.cached_property
    def proposer(self) -> Proposer | None:
        """Source of the proposals that the model takes; None if it takes none."""
        return proposer_of(self.info["architecture"], self.recipe)

    def write_info(self, **changes: Any) -> None:
        """Updates `run.json`."""
        self.info.update(changes)
        write_json(self.folder / "run.json", self.info)

    def write_history(self, history: list[dict[str, float]]) -> None:
        """Writes the metrics of all epochs as JSON and CSV."""
        write_json(self.folder / "metrics.json", history)
        keys = list(dict.fromkeys(key for row in history for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.folder / "metrics.csv", text.getvalue())

    def write_model(self, model: zoo.Model) -> None:
        """Replaces the saved model by one that remembers its image transform and class names."""
        model.set_transform(self.recipe.batch.image_size, serving_resize(self.recipe.batch.resize))
        model.class_names = self.labels
        with replacing(self.folder / "model.keras") as temporary:
            model.save(temporary)


def create_run(folder: Path, labels: tuple[str, ...], recipe: Recipe) -> Run:
    """Creates a run folder, new or empty, for a recipe with its architecture and data set."""
    if not is_free(folder):
        raise InputError(f"{folder}: folder is not empty; use another, or --resume its run.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror}).") from error
    info = {
        "version": _VERSION,
        "architecture": recipe.architecture,
        "task": zoo.card(recipe.architecture).task,
        "data": recipe.data,
        "labels": list(labels),
        "image_size": list(recipe.batch.image_size),
        "resize": recipe.batch.resize,
        "environment": _environment(),
        "best": None,
        "finished": False,
    }
    run = Run(folder, info, recipe)
    write_text(folder / "recipe.toml", recipe.to_toml())
    write_text(folder / "labels.txt", "\n".join(labels) + "\n")
    run.write_info()
    return run


def is_free(folder: Path) -> bool:
    """Returns whether a folder can hold a new run: it has nothing but runs of earlier steps."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name == STEPS for path in folder.iterdir())


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Opens a run folder of this version."""
    folder = Path(folder)
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder}: not a run folder (no run.json in it).")
    try:
        info = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not readable ({error}).") from error
    if not isinstance(info, dict) or info.get("version") != _VERSION:
        raise InputError(f"{path}: not a run of this version of the zoo; train it again.")
    return Run(folder, info, read_recipe(folder / "recipe.toml"))


def proposer_of(architecture: str, recipe: Recipe) -> Proposer | None:
    """Returns the source of a recipe's proposals; None for an architecture that takes none."""
    if "proposals" not in zoo.card(architecture).inputs:
        return None
    if recipe.batch.data_service:
        raise InputError(
            f"recipe: data_service: the proposals of {architecture} are computed in Python, which "
            "workers do not run; leave it empty."
        )
    return open_proposals(recipe.proposals)


def predictor(
    model: zoo.Model,
    image_size: tuple[int, int] | None,
    resize: str,
    inference: InferenceOptions = PLAIN,
    proposer: Proposer | None = None,
) -> Callable[[np.ndarray], dict[str, Any]]:
    """Returns a function from an image (H, W, 3) uint8 to its predictions as NumPy arrays.

    A model with a single input channel gets grey images; `image_size` (H, W) is the model input
    size, None for the images' own size; `resize` is as of `zoo.predict`.
    """
    if model.takes_proposals and proposer is None:
        raise InputError(f"{model.name} takes proposals; give a source of proposals.")
    rule = resize if image_size else "native"

    def predict(images, proposals=None):
        inputs = images if proposals is None else {"image": images, "proposals": proposals}
        return zoo.predict(model, inputs, image_size=image_size, resize=rule, options=inference)

    channels = model.channels
    if keras.backend.backend() == "tensorflow":
        signature = [tf.TensorSpec((1, None, None, channels), tf.uint8)]
        if model.takes_proposals:
            signature.append(tf.TensorSpec((1, None, 4), tf.float32))
        predict = tf.function(predict, input_signature=signature)

    def predict_one(image: np.ndarray) -> dict[str, Any]:
        inputs = [np.asarray(with_channels(image, channels))[None]]
        if model.takes_proposals and proposer is not None:
            inputs.append(proposer(image)[None])
        predictions = predict(*map(keras.ops.convert_to_tensor, inputs))
        return {key: keras.ops.convert_to_numpy(value)[0] for key, value in predictions.items()}

    return predict_one


def _environment() -> dict[str, Any]:
    return {
        "visionzoo": zoo.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "accelerators": [device.name for device in tf.config.list_physical_devices("GPU")],
    }
