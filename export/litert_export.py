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

import zoo
from export.export_spec import ExportSpec, to_spec, write_export
from export.exported_predictors import signature_inputs
from export.serving_signatures import ServingModule, litert_signature
from zoo.argument_checks import check_choice
from zoo.errors import InputError

QUANTIZATIONS = ("none", "float16", "int8")


def litert(
    model: zoo.Model | ExportSpec,
    path: str | os.PathLike[str],
    quantize: str = "none",
    images: Iterable[np.ndarray | tuple[np.ndarray, np.ndarray]] = (),
    thresholds: bool = False,
    **arguments: Any,
) -> Path:
    """Writes a `.tflite` file with a signature `serving_default`.

    The file takes one image `images` (1, H, W, C) uint8 of any size (resize the input, then
    allocate), and `proposals` (1, P, 4) float32 in its pixels where the model takes them, and
    returns the predictions of the task in its pixels. Beside it: `….labels.txt` and
    `….options.json`.

    Args:
        model: model of the zoo, or what is exported as an `ExportSpec`; tiles need an image size.
        path: path of the `.tflite` file.
        quantize: `"none"`, `"float16"` (weights) or `"int8"` (weights and activations of the
            network; pre- and post-processing stay in float32).
        images: representative images (H, W, C) uint8 for int8, about a hundred of the user's own
            data; each in a pair with its proposals (P, 4) where the model takes them.
        thresholds: whether the file also takes `score_threshold` and `nms_iou`, float32 scalars,
            and `class_agnostic`, a bool; for models that find boxes. The options contain the
            model's own values.
        arguments: `labels`, `image_size`, `resize` and `options` of `ExportSpec.from_model`; by
            default what the model remembers.

    Returns:
        The path.

    Raises:
        InputError: if the quantization is unknown, int8 has no images, the model has no
            thresholds, images of unknown size are to be tiled, LiteRT does not have an operator,
            or the path cannot be written; or as `ExportSpec.from_model`.
    """
    spec, images = to_spec(model, arguments), list(images)
    _check(spec, quantize, images, thresholds)
    defaults = spec.default_thresholds() if thresholds else None
    with tempfile.TemporaryDirectory() as folder:
        serving = ServingModule(spec, portable=True, batch=1)
        tf.saved_model.save(serving, folder, signatures=litert_signature(serving, thresholds))
        try:
            inputs = [_representative_inputs(sample, defaults or {}) for sample in images]
            data = _converted(folder, spec.model.name, quantize, inputs)
        except ConverterError as error:
            missing = re.search(r"(?:TF Select|Custom) ops: ([^\n]+)", str(error))
            reason = f"needs {missing.group(1)}" if missing else str(error).splitlines()[0]
            remedy = "; set an image size, or export a SavedModel" if not spec.image_size else ""
            raise InputError(
                f"{spec.model.architecture} does not convert to LiteRT builtins: {reason}{remedy}."
            ) from error
    return write_export(Path(path), data, spec, defaults)


def _check(spec: ExportSpec, quantize: str, images: Sequence[Any], thresholds: bool) -> None:
    check_choice("quantize", quantize, QUANTIZATIONS)
    if quantize == "int8" and not images:
        raise InputError("int8 needs representative images to calibrate the range of values.")
    if spec.options.tile and spec.image_size is None:
        raise InputError(
            "LiteRT takes tiles only of a fixed model input size, not of images at their own size; "
            "set an image size, or export a SavedModel."
        )
    if thresholds and not spec.finds_boxes:
        raise InputError(f"thresholds are for detectors; {spec.model.name} is not one.")


def _converted(folder: str, network: str, quantize: str, inputs: Sequence[Any]) -> bytes:
    """Returns the LiteRT file of the SavedModel in `folder`; int8 needs representative `inputs`."""
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize != "int8":
        return converter.convert()
    converter.representative_dataset = lambda: iter(inputs)
    # By default the quantizer includes the steps around the network, and coordinates or scores of
    # 256 levels cost far more accuracy than int8 inside the network does.
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    inside = re.compile(rf"(?:^|[/;]){re.escape(network)}(?:_\d+)?/")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(calibrated))
    outside = _tensors_outside(model, inside)
    return mlir_quantize(
        _with_ranges_inside(model, inside), fully_quantize=False, denylisted_nodes=outside
    )


def _representative_inputs(sample: Any, thresholds: dict[str, Any]) -> dict[str, np.ndarray]:
    """Returns the inputs of the signature for an image, or an image and proposals."""
    image, *boxes = sample if isinstance(sample, tuple) else (sample,)
    return signature_inputs(image, boxes[0] if boxes else None, thresholds)


def _tensors_outside(model: Any, inside: re.Pattern[str]) -> list[str]:
    """Returns the names of the operators' outputs that are not part of the network."""
    names: list[str] = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            outputs = [graph.tensors[number].name.decode() for number in operator.outputs]
            names += [name for name in outputs if not inside.search(name)]
    return names


def _with_ranges_inside(model: Any, inside: re.Pattern[str]) -> bytes:
    """Returns the calibrated file without the ranges of tensors outside the network.

    Operators that take their scale from a neighbor are quantized wherever a range is recorded;
    the range of box scores, −infinity for padding, would be useless.
    """
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if not inside.search(tensor.name.decode()):
                tensor.quantization = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
