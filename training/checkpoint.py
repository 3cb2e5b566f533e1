"""The state of a training run in one file: what is needed to go on as if nothing had happened."""

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
    """Writes all variables of a built and compiled model, and `progress`, as one file.

    Weights, moving averages, the states of dropout's random numbers, the optimizer's slots and
    its loss scale are all variables. `progress` is anything JSON can hold.
    """
    arrays = {
        key: keras.ops.convert_to_numpy(variable.value) for key, variable in _variables(model)
    }
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
    except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: damaged checkpoint ({error}); begin a new run in another folder."
        ) from error
    variables = dict(_variables(model))
    if list(variables) != list(stored):
        odd = next((key for key in variables if key not in stored), "more variables in the file")
        raise InputError(f"{path}: a checkpoint of another model or optimizer ({odd}).")
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
    """Every variable under its place and path.

    Keras numbers names that were not given, on from those the process has made before; the key
    leaves these numbers out.
    """
    for place, variable in enumerate([*model.variables, *model.optimizer.variables]):
        yield f"{place:05d} {re.sub(r'_[0-9]+(?=[_/]|$)', '', variable.path)}", variable
