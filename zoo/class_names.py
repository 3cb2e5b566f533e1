"""Class names of a model, and their number."""

from __future__ import annotations

import inspect

from zoo.model import Model
from zoo.registry import card


def class_names_of(model: Model) -> tuple[str, ...]:
    """Returns the names that the model remembers, else its vocabulary, else its class indices."""
    names = model.class_names or getattr(model, "tokens", ())
    return tuple(names) or tuple(map(str, range(class_count(model))))


def class_count(model: Model) -> int:
    """Returns the number of classes (of keypoints, for a pose) that a model was built for."""
    argument = "num_keypoints" if model.task.classes_of == "keypoints" else "num_classes"
    builder = card(str(model.architecture)).builder
    defaults = {name: p.default for name, p in inspect.signature(builder).parameters.items()}
    return int({**defaults, **model.arguments}[argument])
