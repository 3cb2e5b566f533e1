"""The state of a training run in one file: what is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.files import replacing
from zoo.errors import InputError


def save_state(path: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Writes all variables of a compiled model and its optimizer, and `progress`, as one file.

    Weights, moving averages, the states of dropout's random numbers, the optimizer's slots and
    its loss scale are all variables. `progress` is anything JSON can hold.
    """
    arrays = {f"{i:05d} {path}": value for i, (path, value) in enumerate(_variables(model))}
    arrays["progress"] = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_state(path: Path, model: keras.Model) -> dict[str, Any]:
    """Puts the variables of `save_state` back into a compiled model and returns `progress`.

    Raises:
        InputError: the file is damaged or belongs to another model or optimizer.
    """
    try:
        with np.load(path) as file:
            progress = json.loads(bytes(file["progress"]))
            stored = {key: file[key] for key in file.files if key != "progress"}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged checkpoint ({error}).") from error
    variables = _all_variables(model)
    keys = [f"{i:05d} {variable.path}" for i, variable in enumerate(variables)]
    if keys != list(stored):
        odd = next((key for key in keys if key not in stored), "more variables in the file")
        raise InputError(f"{path}: a checkpoint of another model or optimizer ({odd}).")
    for key, variable in zip(keys, variables, strict=True):
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


def _all_variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _variables(model: keras.Model):
    for variable in _all_variables(model):
        yield variable.path, keras.ops.convert_to_numpy(variable.value)
