"""Running exported files: the few lines any program needs, and nothing of the zoo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Predictor = Callable[..., dict[str, Any]]
"""From one image (H, W, C) uint8, and its proposals (P, 4) where the file takes any."""


def saved_model_predictor(folder: str | os.PathLike[str]) -> Predictor:
    """A function from one image (H, W, C) uint8 to its answers by a SavedModel."""
    import tensorflow as tf

    loaded = tf.saved_model.load(os.fspath(folder))
    serve = loaded.signatures["serving_default"]

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        given = {key: tf.constant(value) for key, value in named(image, proposals).items()}
        found = serve(**given)
        return {key: value.numpy()[0] for key, value in found.items()}

    predict.loaded = loaded  # type: ignore[attr-defined]  # keeps the variables alive
    return predict


def litert_predictor(path: str | os.PathLike[str], threads: int | None = None) -> Predictor:
    """A function from one image (H, W, C) uint8 to its answers by a LiteRT file.

    A file that takes thresholds gets the model's own, of the `….options.json` beside it.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=os.fspath(path), num_threads=threads or os.cpu_count())
    places = interpreter.get_signature_runner("serving_default").get_input_details()
    thresholds: dict[str, Any] = {}
    if "score_threshold" in places:
        options = Path(path).with_suffix(".options.json").read_text()
        thresholds = json.loads(options)["thresholds"]
    shapes: dict[str, tuple[int, ...]] = {}

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        nonlocal shapes
        given = named(image, proposals, thresholds)
        if shapes != {key: value.shape for key, value in given.items()}:
            shapes = {key: value.shape for key, value in given.items()}
            for key, shape in shapes.items():
                interpreter.resize_tensor_input(places[key]["index"], shape)
            interpreter.allocate_tensors()
        found = interpreter.get_signature_runner("serving_default")(**given)
        return {key: value[0].copy() for key, value in found.items()}

    return predict


def onnx_predictor(path: str | os.PathLike[str]) -> Predictor:
    """A function from one image (H, W, C) uint8 to its answers by ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        found = session.run(None, named(image, proposals))
        return {name: value[0] for name, value in zip(names, found, strict=True)}

    return predict


def named(
    image: np.ndarray,
    proposals: np.ndarray | None = None,
    thresholds: Mapping[str, float | bool] | None = None,
) -> dict[str, np.ndarray]:
    """A batch of one, and the thresholds if there are any, as the signatures name them."""
    given: dict[str, Any] = {"images": image[None]}
    if proposals is not None:
        given["proposals"] = proposals[None].astype(np.float32)
    for key, value in (thresholds or {}).items():
        given[key] = np.bool_(value) if key == "class_agnostic" else np.float32(value)
    return given


def file_size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file, or of all files below a folder."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
