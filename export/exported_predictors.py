"""Predictors of exported files: the few lines that any program needs, without this package."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Predictor = Callable[..., dict[str, Any]]
"""Function from one image (H, W, C) uint8, and proposals (P, 4) where the file takes them."""


def saved_model_predictor(folder: str | os.PathLike[str]) -> Predictor:
    """Returns a function from one image (H, W, C) uint8 to the predictions of a SavedModel."""
    import tensorflow as tf

    loaded = tf.saved_model.load(os.fspath(folder))
    serve = loaded.signatures["serving_default"]

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        inputs = signature_inputs(image, proposals)
        predictions = serve(**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy()[0] for key, value in predictions.items()}

    predict.loaded = loaded  # type: ignore[attr-defined]  # keeps the variables alive
    return predict


def litert_predictor(path: str | os.PathLike[str], threads: int | None = None) -> Predictor:
    """Returns a function from one image (H, W, C) uint8 to the predictions of a LiteRT file.

    Args:
        path: path of the `.tflite` file; where it takes thresholds, the model's own are read from
            the `….options.json` beside it.
        threads: number of threads (default: all cores).
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=os.fspath(path), num_threads=threads or os.cpu_count())
    details = interpreter.get_signature_runner("serving_default").get_input_details()
    thresholds: dict[str, Any] = {}
    if "score_threshold" in details:
        options = Path(path).with_suffix(".options.json").read_text()
        thresholds = json.loads(options)["thresholds"]
    shapes: dict[str, tuple[int, ...]] = {}

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        nonlocal shapes
        inputs = signature_inputs(image, proposals, thresholds)
        if shapes != {key: value.shape for key, value in inputs.items()}:
            shapes = {key: value.shape for key, value in inputs.items()}
            for key, shape in shapes.items():
                interpreter.resize_tensor_input(details[key]["index"], shape)
            interpreter.allocate_tensors()
        predictions = interpreter.get_signature_runner("serving_default")(**inputs)
        return {key: value[0].copy() for key, value in predictions.items()}

    return predict


def onnx_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Returns a function from one image (H, W, C) uint8 to the predictions of an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def predict(image: np.ndarray, proposals: np.ndarray | None = None) -> dict[str, Any]:
        predictions = session.run(None, signature_inputs(image, proposals))
        return {name: value[0] for name, value in zip(names, predictions, strict=True)}

    return predict


def signature_inputs(
    image: np.ndarray,
    proposals: np.ndarray | None = None,
    thresholds: Mapping[str, float | bool] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the inputs of a signature by name, a batch of one image (H, W, C) uint8.

    `proposals` (P, 4) in pixels and `thresholds` are those of files that take them.
    """
    inputs: dict[str, Any] = {"images": image[None]}
    if proposals is not None:
        inputs["proposals"] = proposals[None].astype(np.float32)
    for key, value in (thresholds or {}).items():
        inputs[key] = np.bool_(value) if key == "class_agnostic" else np.float32(value)
    return inputs


def file_size(path: str | os.PathLike[str]) -> int:
    """Returns the bytes of a file, or of all files below a folder."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
