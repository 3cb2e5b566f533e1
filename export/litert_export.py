"""LiteRT (TFLite): one file for phones, boards and browsers, with builtin operators only."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError

from export.export_files import write_export
from export.runners import named
from export.serving_graph import ExportSpec, Serving
from zoo.errors import InputError

QUANTIZATIONS = ("none", "float16", "int8")


def export_litert(
    spec: ExportSpec,
    path: str | os.PathLike[str],
    quantize: str = "none",
    images: Iterable[np.ndarray | tuple[np.ndarray, np.ndarray]] = (),
    thresholds: bool = False,
) -> Path:
    """Writes a `.tflite` file with a signature `serving_default`.

    The file takes one image `images` (1, H, W, C) uint8 of any size (resize the input, then
    allocate), and `proposals` (1, P, 4) float32 in its pixels where the model takes any, and gives
    the answers of the task in its pixels. Beside it: `….labels.txt` and
    `….options.json`.

    Args:
        delivery: what to export; with tiles, it needs a canvas.
        path: of the `.tflite` file.
        quantize: `"none"`, `"float16"` (weights) or `"int8"` (weights and activations of the
            network; what comes before and after it stays in float32).
        images: for int8, representative images (H, W, C) uint8 of the user's own data, each in
            a pair with its proposals (P, 4) where the model takes any; about a hundred.
        thresholds: whether the file also takes `score_threshold` and `nms_iou`, float32 scalars,
            and `class_agnostic`, a bool; for models that find boxes. The options hold the
            model's own.

    Raises:
        InputError: unknown quantization, no images for int8, thresholds of other models, tiles
            of an image whose size is not known, an operator that LiteRT does not have, or the path
            cannot be written.
    """
    if quantize not in QUANTIZATIONS:
        raise InputError(f"quantize is one of {', '.join(QUANTIZATIONS)}, not {quantize!r}.")
    images = list(images)
    if quantize == "int8" and not images:
        raise InputError("int8 needs representative images to find the range of values.")
    if spec.inference.tile and (spec.image_size is None or spec.resize == "native"):
        raise InputError(
            "LiteRT takes tiles only of a canvas of fixed size, not of images at their own size; "
            "name an image size, or export a SavedModel."
        )
    if thresholds and not spec.finds_boxes:
        raise InputError(f"thresholds choose boxes, and {spec.model.name} answers none.")
    own = spec.default_thresholds() if thresholds else None
    with tempfile.TemporaryDirectory() as folder:
        serving = Serving(spec, portable=True, batch=1)
        serve = serving.serve_thresholds if thresholds else serving.serve
        tf.saved_model.save(serving, folder, signatures={"serving_default": serve})
        try:
            inputs = [_inputs(given, own or {}) for given in images]
            data = _converted(folder, spec.model.name, quantize, inputs)
        except ConverterError as error:
            wanted = re.search(r"(?:TF Select|Custom) ops: ([^\n]+)", str(error))
            reason = f"needs {wanted.group(1)}" if wanted else str(error).splitlines()[0]
            native = spec.image_size is None or spec.resize == "native"
            remedy = "; an image size may help, or a SavedModel" if native else ""
            name = spec.model.architecture
            raise InputError(
                f"{name} does not convert to LiteRT builtins: {reason}{remedy}."
            ) from error
    return write_export(Path(path), data, spec, own)


def _converted(folder: str, network: str, quantize: str, inputs: Sequence[Any]) -> bytes:
    """The SavedModel in `folder` as the bytes of a LiteRT file; int8 is scaled by `inputs`."""
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize != "int8":
        return converter.convert()
    converter.representative_dataset = lambda: iter(inputs)
    # The quantizer by itself would take the steps around the network too, and a canvas or scores
    # of 256 levels cost far more accuracy than int8 inside the network does.
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    inside = re.compile(rf"(?:^|[/;]){re.escape(network)}(?:_\d+)?/")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(calibrated))
    outside = _results_outside(model, inside)
    return mlir_quantize(
        _ranges_inside(model, inside), fully_quantize=False, denylisted_nodes=outside
    )


def _inputs(given: Any, thresholds: dict[str, Any]) -> dict[str, np.ndarray]:
    """An image, or an image and proposals, and thresholds, as the signature names them."""
    image, *boxes = given if isinstance(given, tuple) else (given,)
    return named(image, boxes[0] if boxes else None, thresholds)


def _results_outside(model: Any, inside: re.Pattern[str]) -> list[str]:
    """Names of what the operators of a LiteRT file give that are no part of the network."""
    names: list[str] = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            results = [graph.tensors[number].name.decode() for number in operator.outputs]
            names += [name for name in results if not inside.search(name)]
    return names


def _ranges_inside(model: Any, inside: re.Pattern[str]) -> bytes:
    """The calibrated file without what it knows of values that are no part of the network.

    Operators that take their scale from a neighbour are quantized whatever their names, if a range
    is known; of boxes' scores, with −infinity for a box that is none, it is no range at all.
    """
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if not inside.search(tensor.name.decode()):
                tensor.quantization = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
