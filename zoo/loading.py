"""Loading a model, or only the weights that fit, from a file."""

from __future__ import annotations

import dataclasses
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from zoo.backbones.imagenet_weights import load_published
from zoo.catalog import register_all
from zoo.errors import InputError
from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """Result of `load_weights`, by variable path.

    Attributes:
        loaded: paths of the variables with values from the file.
        not_loaded: reason by path of each variable without.
        unused: paths in the file without a variable in the model.
    """

    loaded: list[str]
    not_loaded: dict[str, str]
    unused: list[str]

    @property
    def summary(self) -> str:
        """Numbers of variables, in one line."""
        total = len(self.loaded) + len(self.not_loaded)
        return f"loaded {len(self.loaded)} of {total} variables"

    def __str__(self) -> str:
        lines = [f"{self.summary}."]
        lines += [f"not loaded: {path} ({reason})." for path, reason in self.not_loaded.items()]
        lines += [f"not used from the file: {path}." for path in self.unused]
        return "\n".join(lines)


def load(path: str | os.PathLike[str]) -> Model:
    """Loads a model of the zoo from a `.keras` file.

    No other file is opened, and nothing is fetched.

    Args:
        path: a `.keras` file.

    Raises:
        InputError: if there is no such file, or it is not a model of the zoo.
    """
    path = Path(_check_path(path))
    if (path / "model.keras").is_file():
        raise InputError(f"{path}: a run folder; give {path / 'model.keras'}.")
    if not path.is_file():
        raise InputError(f"{path}: no such file; a model is a .keras file.")
    if path.suffix in (".tflite", ".onnx", ".pb"):
        raise InputError(f"{path}: an exported file, not a model of the zoo; give the .keras file.")
    register_all()
    try:
        model = keras.saving.load_model(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable .keras file ({_reason(error)}).") from error
    if not isinstance(model, Model):
        raise InputError(f"{path}: a {type(model).__name__}, not a model of the zoo.")
    return model


def _check_path(path: Any) -> Any:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise InputError(f"a file of weights must be a path or 'imagenet', not {path!r}.")
    return path


def load_weights(model: Model, path: str | os.PathLike[str]) -> LoadReport:
    """Copies weights of a file into a model.

    Of a `.keras` file every variable of the same path and shape is copied, so that a model with
    another number of classes or input channels takes what fits; the others keep their values.

    Args:
        model: model that takes the values.
        path: a `.keras` file; a `.h5` file of the same configuration (`model.save_weights`), or of
            the network of `keras.applications` for the model's backbone; or `"imagenet"` for the
            weights that Keras publishes for it, which are fetched.

    Returns:
        A `LoadReport`; printing it shows one line per variable that was not loaded.

    Raises:
        InputError: if the file cannot be read, or nothing in it fits.
    """
    if str(_check_path(path)) == "imagenet":
        return _load_published(model, "imagenet")
    if Path(path).suffix == ".h5":
        return _load_h5(model, Path(path))
    source = load(path)
    # `weights` are all variables but the states of random numbers.
    available = {variable.path: variable for variable in source.weights}
    loaded: list[str] = []
    not_loaded: dict[str, str] = {}
    for variable in model.weights:
        other = available.pop(variable.path, None)
        if other is None:
            not_loaded[variable.path] = "not in the file"
        elif other.shape != variable.shape:
            not_loaded[variable.path] = f"shape {variable.shape}, in the file {other.shape}"
        else:
            variable.assign(other.value)
            loaded.append(variable.path)
    if not loaded:
        raise InputError(f"{path}: no variable of {source.architecture} fits {model.architecture}.")
    return LoadReport(loaded, not_loaded, sorted(available))


def _load_h5(model: Model, path: Path) -> LoadReport:
    """Loads weights saved by the model's own `save_weights`, or those of its backbone alone."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; weights are a .keras or .h5 file.")
    names = {layer.name for layer in model.layers}
    try:
        with h5py.File(path) as file:
            groups = file.get("layers", {}).values()
            saved = {group["vars"].attrs.get("name") for group in groups if "vars" in group}
    except (OSError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a readable .h5 file ({_reason(error)}).") from error
    if not saved or not saved <= names:
        return _load_published(model, str(path))
    try:
        with warnings.catch_warnings():
            # Of containers without variables, which no file has.
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        # Keras names the layer and both shapes in a later line.
        reason = " ".join(str(error).split()).partition("Example error message for object ")[2]
        raise InputError(
            f"{path}: not the weights of this {model.architecture} ({reason or _reason(error)})."
        ) from error
    return LoadReport([variable.path for variable in model.weights], {}, [])


def _load_published(model: Model, weights: str) -> LoadReport:
    done = load_published(model, weights)
    reason = "not in the published network"
    not_loaded = {path: reason for path, loaded in done.items() if not loaded}
    return LoadReport([path for path, loaded in done.items() if loaded], not_loaded, [])


def _reason(error: Exception) -> str:
    """First line of an error's message, or its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
