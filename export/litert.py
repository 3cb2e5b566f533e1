"""LiteRT (TFLite): one file for phones, boards and browsers, with builtin operators only."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from export.files import write_with_labels
from export.serving import Delivery, Serving
from zoo.errors import InputError

QUANTIZATIONS = ("none", "float16", "int8")


def export_litert(
    delivery: Delivery,
    path: str | os.PathLike[str],
    quantize: str = "none",
    pictures: Iterable[np.ndarray] = (),
) -> Path:
    """Writes a `.tflite` file with a signature `serving_default`, and `….labels.txt` beside it.

    The file takes one picture `images` (1, H, W, C) uint8 of any size (resize the input, then
    allocate) and gives the answers of the task in its pixels.

    Args:
        delivery: what to export.
        path: of the `.tflite` file.
        quantize: `"none"`, `"float16"` (weights) or `"int8"` (weights and activations).
        pictures: for int8, representative pictures (H, W, C) uint8 of the user's own data; about a
            hundred.

    Raises:
        InputError: unknown quantization, no pictures for int8, or the path cannot be written.
    """
    path = Path(path)
    if quantize not in QUANTIZATIONS:
        raise InputError(f"quantize is one of {', '.join(QUANTIZATIONS)}, not {quantize!r}.")
    pictures = list(pictures)
    if quantize == "int8" and not pictures:
        raise InputError("int8 needs representative pictures to find the range of values.")
    with tempfile.TemporaryDirectory() as folder:
        serving = Serving(delivery, portable=True, batch=1)
        tf.saved_model.save(serving, folder, signatures={"serving_default": serving.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
                tf.lite.OpsSet.TFLITE_BUILTINS,
            ]

            def representative():
                for picture in pictures:
                    yield {"images": picture[None]}

            converter.representative_dataset = representative
        try:
            data = converter.convert()
        except ConverterError as error:
            wanted = re.search(r"(?:TF Select|Custom) ops: ([^\n]+)", str(error))
            reason = f"needs {wanted.group(1)}" if wanted else str(error).splitlines()[0]
            raise ValueError(
                f"{delivery.model.architecture} does not convert to LiteRT builtins: {reason}"
            ) from error
    return write_with_labels(path, data, delivery.labels)
