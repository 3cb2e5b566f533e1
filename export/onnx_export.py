"""ONNX: for ONNX Runtime, TensorRT, OpenVINO and whatever else reads it (extra `onnx`)."""

from __future__ import annotations

import os
from pathlib import Path

import tensorflow as tf

from export.export_files import write_export
from export.serving_graph import ExportSpec, Serving
from zoo.errors import InputError

OPSET = 18


def export_onnx(spec: ExportSpec, path: str | os.PathLike[str]) -> Path:
    """Writes an `.onnx` file, with `….labels.txt` and `….options.json` beside it.

    The file takes `images` (B, H, W, C) uint8 of any one size, and `proposals` (B, P, 4) float32
    where the model does, and gives the answers of the task in their pixels.

    Raises:
        InputError: tf2onnx is not installed, tiles, or the path cannot be written.
    """
    if spec.inference.tile:
        raise InputError(
            "ONNX takes no tiles, since tf2onnx makes no valid file of their loops; export a "
            "SavedModel, or LiteRT."
        )
    try:
        import tf2onnx
    except ImportError as error:
        raise InputError("ONNX export needs tf2onnx: pip install 'visionzoo[onnx]'.") from error
    serving = Serving(spec, portable=True)
    images = tf.TensorSpec((None, None, None, spec.channels), tf.uint8, name="images")
    taken = [images]
    if spec.takes_proposals:
        taken.append(tf.TensorSpec((None, None, 4), tf.float32, name="proposals"))
    model, _ = tf2onnx.convert.from_function(serving.serve, input_signature=taken, opset=OPSET)
    predictions = serving.serve.get_concrete_function().structured_outputs
    for output, key in zip(model.graph.output, sorted(predictions), strict=True):
        if output.name != key:
            raise ValueError(f"the ONNX output {output.name} should be {key}")
    return write_export(Path(path), model.SerializeToString(), spec)
