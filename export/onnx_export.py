"""ONNX: for ONNX Runtime, TensorRT, OpenVINO and other runtimes (extra `onnx`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tensorflow as tf

import zoo
from export.export_spec import ExportSpec, to_spec, write_export
from export.serving_signatures import ServingModule
from zoo.errors import InputError

OPSET = 18


def onnx(model: zoo.Model | ExportSpec, path: str | os.PathLike[str], **arguments: Any) -> Path:
    """Writes an `.onnx` file, with `….labels.txt` and `….options.json` beside it.

    The file takes `images` (B, H, W, C) uint8 of any one size, and `proposals` (B, P, 4) float32
    where the model does, and returns the predictions of the task in their pixels.

    Args:
        model: model of the zoo, or what is exported as an `ExportSpec`.
        path: path of the `.onnx` file.
        arguments: `labels`, `image_size`, `resize` and `options` of `ExportSpec.from_model`; by
            default what the model remembers.

    Returns:
        The path.

    Raises:
        InputError: if tf2onnx is not installed, the test-time options have tiles, or the path
            cannot be written; or as `ExportSpec.from_model`.
    """
    spec = to_spec(model, arguments)
    if spec.options.tile:
        raise InputError(
            "ONNX takes no tiles, since tf2onnx makes no valid file of their loops; export a "
            "SavedModel, or LiteRT."
        )
    try:
        import tf2onnx
    except ImportError as error:
        raise InputError("ONNX export needs tf2onnx: pip install 'visionzoo[onnx]'.") from error
    serving = ServingModule(spec, portable=True)
    inputs = [tf.TensorSpec((None, None, None, spec.channels), tf.uint8, name="images")]
    if spec.takes_proposals:
        inputs.append(tf.TensorSpec((None, None, 4), tf.float32, name="proposals"))
    proto, _ = tf2onnx.convert.from_function(serving.serve, input_signature=inputs, opset=OPSET)
    predictions = serving.serve.get_concrete_function().structured_outputs
    for output, key in zip(proto.graph.output, sorted(predictions), strict=True):
        if output.name != key:
            raise ValueError(f"the ONNX output must be named {key}, not {output.name}.")
    return write_export(Path(path), proto.SerializeToString(), spec)
