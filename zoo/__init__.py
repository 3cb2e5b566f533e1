"""The vision model zoo: every architecture from sliding windows to Mask R-CNN, in Keras 3.

`zoo.list_models()`, `zoo.build(name, **arguments)`, `zoo.card(name)`, `zoo.predict(model, images)`
and `zoo.load(path)` are all one needs; the builders are also functions in the package of their
task, e.g. `zoo.segmentation.unet(num_classes=3)`.
"""

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
from zoo.detection.two_stage.svd import truncated_svd
from zoo.errors import InputError
from zoo.inference.inference_options import InferenceOptions
from zoo.inference.prediction import predict
from zoo.loading import load, load_weights
from zoo.model import Model
from zoo.registry import build, card, list_models, register

__version__ = "0.1.0"

__all__ = [
    "Card",
    "PublishedResult",
    "InferenceOptions",
    "InputError",
    "Model",
    "Paper",
    "predict",
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
    "register",
    "segmentation",
    "tasks",
    "truncated_svd",
]
