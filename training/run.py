"""A run is a folder: the model, how it was trained, what came of it.

model.keras        the best epoch's model, ready for `zoo.load`
run.json           architecture, data, image size, labels, environment, best result
recipe.toml        the resolved recipe
labels.txt         class names, one a line
metrics.csv        one row an epoch; metrics.json holds the same
checkpoint.npz     where training stands, for `--resume`
samples/           images: input, truth, prediction
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
from training.data.proposals import Proposer, proposer_of
from training.recipe import Recipe, read_recipe
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing, write_json, write_text
from zoo.inference.inference_options import PLAIN, InferenceOptions

STEPS = "steps"
"""Folder in a run with the runs of steps that came before it."""

_FORM = 1


@dataclasses.dataclass
class Run:
    """An opened run folder.

    Attributes:
        folder: where it is.
        info: the contents of `run.json`.
        recipe: the resolved recipe.
    """

    folder: Path
    info: dict[str, Any]
    recipe: Recipe

    @property
    def labels(self) -> list[str]:
        """Class names."""
        return list(self.info["labels"])

    @property
    def data(self) -> str:
        """The data set it was trained on, as named then."""
        return self.info["data"]

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.npz"

    @property
    def history(self) -> list[dict[str, float]]:
        """Metrics of each finished epoch.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / "metrics.json"
        try:
            return json.loads(path.read_text()) if path.is_file() else []
        except ValueError as error:
            raise InputError(f"{path}: not readable ({error}).") from error

    def model(self) -> zoo.Model:
        """The best model.

        Raises:
            InputError: no epoch has finished, or the file is damaged.
        """
        path = self.folder / "model.keras"
        if not path.is_file():
            raise InputError(f"{self.folder}: no model yet; not one epoch has finished.")
        return zoo.load(path)

    def predictor(self, model: zoo.Model | None = None) -> Callable[[np.ndarray], dict[str, Any]]:
        """A function from one image (H, W, C) uint8 to final answers in its pixels."""
        return predictor(
            model or self.model(),
            self.recipe.image_size,
            serving_resize(self.recipe.resize),
            proposer=self.proposer,
        )

    @functools.cached_property
    def proposer(self) -> Proposer | None:
        """Of the boxes that its model takes beside an image; None where it takes none."""
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
        """Replaces the kept model."""
        with replacing(self.folder / "model.keras") as temporary:
            model.save(temporary)


def create_run(
    folder: Path, architecture: str, data: str, labels: tuple[str, ...], recipe: Recipe
) -> Run:
    """Begins a new run folder.

    Raises:
        InputError: the folder holds something already, or cannot be written.
    """
    if not is_free(folder):
        raise InputError(
            f"{folder}: not an empty folder; choose another, or --resume the run there."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}).") from error
    info = {
        "form": _FORM,
        "architecture": architecture,
        "task": zoo.card(architecture).task,
        "data": data,
        "labels": list(labels),
        "image_size": list(recipe.image_size),
        "resize": recipe.resize,
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
    """Whether a run may begin there: nothing is there but runs of steps before it."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name == STEPS for path in folder.iterdir())


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Opens a run folder.

    Raises:
        InputError: no such folder, or not a run of this form.
    """
    folder = Path(folder)
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder}: not a run folder (no run.json in it).")
    try:
        info = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not readable ({error}).") from error
    if not isinstance(info, dict) or info.get("form") != _FORM:
        raise InputError(f"{path}: not a run of this version of the zoo.")
    return Run(folder, info, read_recipe(folder / "recipe.toml"))


def serving_resize(resize: str) -> str:
    """How an image is placed for answers: a model trained on crops sees it at its own size."""
    return "native" if resize == "crop" else resize


def predictor(
    model: zoo.Model,
    image_size: tuple[int, int] | None,
    resize: str,
    inference: InferenceOptions = PLAIN,
    proposer: Proposer | None = None,
) -> Callable[[np.ndarray], dict[str, Any]]:
    """A function from one image (H, W, 3) uint8 to its final answers as NumPy arrays.

    A model of grey images is given the image's grey values, one that takes proposals those of
    `proposer`.

    Raises:
        InputError: nobody proposes what the model takes.
    """
    if model.takes_proposals and proposer is None:
        raise InputError(f"{model.name} takes proposals; say where they come from.")

    def predictions(images, proposals=None):
        given = images if proposals is None else {"image": images, "proposals": proposals}
        return zoo.predict(model, given, image_size=image_size, resize=resize, inference=inference)

    channels = model.channels
    if keras.backend.backend() == "tensorflow":
        signature = [tf.TensorSpec((1, None, None, channels), tf.uint8)]
        if model.takes_proposals:
            signature.append(tf.TensorSpec((1, None, 4), tf.float32))
        predictions = tf.function(predictions, input_signature=signature)

    def prediction_one(image: np.ndarray) -> dict[str, Any]:
        given = [np.asarray(with_channels(image, channels))[None]]
        if model.takes_proposals and proposer is not None:
            given.append(proposer(image)[None])
        found = predictions(*map(keras.ops.convert_to_tensor, given))
        return {key: keras.ops.convert_to_numpy(value)[0] for key, value in found.items()}

    return prediction_one


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
