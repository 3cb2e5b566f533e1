"""The vision model zoo: architectures from sliding windows to Mask R-CNN, in Keras 3.

The main functions are `zoo.list_models()`, `zoo.build(name, weights=None, **arguments)`,
`zoo.card(name)`, `zoo.predict(model, images)` and `zoo.load(path)`. Builders are also functions of
the package of their task, e.g. `zoo.segmentation.unet(num_classes=3)`.
"""

import sys
from typing import TYPE_CHECKING

from zoo.lazy_exports import make_lazy

if TYPE_CHECKING:
    from zoo import (
        captioning,
        classification,
        detection,
        instances,
        localization,
        losses,
        metrics,
        segmentation,
        tasks,
    )
    from zoo.cards import Card, Paper, PublishedResult
    from zoo.catalog import card, list_models
    from zoo.detection.two_stage.svd import truncated_svd
    from zoo.errors import InputError
    from zoo.inference.inference_options import InferenceOptions
    from zoo.inference.prediction import predict
    from zoo.loading import load, load_weights
    from zoo.model import Model
    from zoo.registry import build, register

__version__ = "0.1.0"

__all__ = [
    "Card",
    "InferenceOptions",
    "InputError",
    "Model",
    "Paper",
    "PublishedResult",
    "build",
    "captioning",
    "card",
    "classification",
    "detection",
    "instances",
    "list_models",
    "load",
    "load_weights",
    "localization",
    "losses",
    "metrics",
    "predict",
    "register",
    "segmentation",
    "tasks",
    "truncated_svd",
]

__getattr__, __dir__ = make_lazy(
    __name__,
    {
        "zoo.cards": ("Card", "Paper", "PublishedResult"),
        "zoo.catalog": ("card", "list_models"),
        "zoo.detection.two_stage.svd": ("truncated_svd",),
        "zoo.errors": ("InputError",),
        "zoo.inference.inference_options": ("InferenceOptions",),
        "zoo.inference.prediction": ("predict",),
        "zoo.loading": ("load", "load_weights"),
        "zoo.model": ("Model",),
        "zoo.registry": ("build", "register"),
    },
    packages=(
        "captioning",
        "classification",
        "detection",
        "instances",
        "localization",
        "losses",
        "metrics",
        "segmentation",
        "tasks",
    ),
)

if "keras" in sys.modules:
    # So that `keras.saving.load_model` finds the classes; without Keras, `zoo.load` does it.
    from zoo.catalog import register_all

    register_all()
