"""Checkpoints: the whole state of a training in one file."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import InputError
from zoo.files.atomic_writes import replacing


def save_state(path: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Writes all variables of a compiled model, and the progress (JSON values), to one file.

    The variables include moving averages, the states of random number generators, the slots of the
    optimizer and its loss scale.
    """
    arrays = {
        key: keras.ops.convert_to_numpy(variable.value) for key, variable in _variables(model)
    }
    arrays["progress"] = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_state(path: Path, model: keras.Model) -> dict[str, Any]:
    """Restores the variables of a compiled model from `save_state`, and returns the progress."""
    try:
        with np.load(path) as file:
            progress = json.loads(bytes(file["progress"]))
            stored = {key: file[key] for key in file.files if key != "progress"}
    except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: damaged checkpoint ({error}); start a new run in another folder."
        ) from error
    variables = dict(_variables(model))
    if list(variables) != list(stored):
        missing = next((k for k in variables if k not in stored), "more variables in the file")
        raise InputError(f"{path}: checkpoint of another model or optimizer ({missing}).")
    for key, variable in variables.items():
        value = stored[key]
        if tuple(variable.shape) != value.shape:
            raise InputError(
                f"{path}: {variable.path} is {value.shape} in the checkpoint and "
                f"{tuple(variable.shape)} in the model."
            )
        if value.dtype.kind == "V":
            value = value.view(keras.ops.convert_to_numpy(variable.value).dtype)
        variable.assign(value)
    return progress


def _variables(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Yields every variable with its index and path.

    Paths lack the numbers of default names, which depend on earlier models of the process.
    """
    for index, variable in enumerate([*model.variables, *model.optimizer.variables]):
        yield f"{index:05d} {re.sub(r'_[0-9]+(?=[_/]|$)', '', variable.path)}", variable
