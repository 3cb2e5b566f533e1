"""Reading a model, or only the weights that fit, from a file."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path

import keras

from zoo.errors import InputError
from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What `load_weights` did, by variable path.

    Attributes:
        loaded: paths of the variables that now hold the file's values.
        kept: path and reason of the variables that stay as they were.
        unused: paths in the file that have no place in the model.
    """

    loaded: list[str]
    kept: dict[str, str]
    unused: list[str]

    def __str__(self) -> str:
        lines = [f"loaded {len(self.loaded)} variables"]
        lines += [f"kept {path}: {reason}" for path, reason in self.kept.items()]
        lines += [f"not used from the file: {path}" for path in self.unused]
        return "\n".join(lines)


def load(path: str | os.PathLike[str]) -> Model:
    """Reloads a model of the zoo from a `.keras` file.

    Raises:
        InputError: no such file, not a `.keras` file, or not a model of the zoo.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; a model is a .keras file.")
    if path.suffix in (".tflite", ".onnx", ".pb"):
        raise InputError(
            f"{path}: an exported file, which answers without the zoo; here its run or .keras file "
            "is wanted."
        )
    try:
        model = keras.saving.load_model(path)
    except InputError:
        raise
    except (ValueError, OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: not a readable .keras file ({reason}).") from error
    if not isinstance(model, Model):
        raise InputError(f"{path}: a {type(model).__name__}, not a model of the zoo.")
    return model


def load_weights(model: Model, path: str | os.PathLike[str]) -> LoadReport:
    """Copies into `model` every variable of a `.keras` file that has the same path and shape.

    For another number of classes or input channels: what fits is taken, the rest keeps its
    initial values, and the report says which is which.

    Args:
        model: takes the values.
        path: a `.keras` file of the zoo; `"imagenet"` for the weights that Keras publishes for the
            model's backbone (fetched when first asked for); or a `.h5` file of these.

    Returns:
        The `LoadReport`; printing it shows one line for each variable that was not loaded.

    Raises:
        InputError: the file cannot be read, or nothing in it fits.
    """
    if str(path) == "imagenet" or str(path).endswith(".h5"):
        return _load_published(model, str(path))
    source = load(path)
    # `weights` are all variables but the states of random numbers.
    theirs = {variable.path: variable for variable in source.weights}
    loaded: list[str] = []
    kept: dict[str, str] = {}
    for variable in model.weights:
        other = theirs.pop(variable.path, None)
        if other is None:
            kept[variable.path] = "not in the file"
        elif other.shape != variable.shape:
            kept[variable.path] = f"shape {variable.shape}, in the file {other.shape}"
        else:
            variable.assign(other.value)
            loaded.append(variable.path)
    if not loaded:
        raise InputError(f"{path}: no variable of {source.architecture} fits {model.architecture}.")
    return LoadReport(loaded, kept, sorted(theirs))


def _load_published(model: Model, weights: str) -> LoadReport:
    from zoo.backbones.published import load_published

    done = load_published(model, weights)
    kept = {path: "not in the published network" for path, loaded in done.items() if not loaded}
    return LoadReport([path for path, loaded in done.items() if loaded], kept, [])
