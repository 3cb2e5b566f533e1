"""Predictions for encoded images inside the graph, past those that are damaged."""

from __future__ import annotations

import tensorflow as tf

from export.export_spec import ExportSpec
from zoo.images.file_headers import MAX_PIXELS, OTHER, encoded_size, format_of
from zoo.images.graph_decoding import FORMATS, decode_upright, to_grey
from zoo.tasks.sample_schema import IGNORE

UNKNOWN = f"not an image in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
LARGE = f"more than {MAX_PIXELS} pixels"
DAMAGED = "damaged image"

_BLANK_SIDE = 64


def predict_encoded(
    encoded: tf.Tensor, spec: ExportSpec, proposals: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    """Returns the predictions for (B,) encoded images of any sizes.

    Besides the predictions of the task, in pixels of the upright images, there are `image_size`
    (B, 2), height and width, and `error` (B,), an empty string or why an image cannot be read. Such
    an image has the size 0 × 0 and no objects: zeros, labels of −1, classes of 255. Maps are padded
    to the largest, classes with 255, masks with 0.

    Args:
        encoded: (B,) strings, contents of image files.
        spec: what is exported.
        proposals: (B, P, 4) in pixels of the upright images, where the model takes them.
    """
    zeros = tf.zeros((1, _BLANK_SIDE, _BLANK_SIDE, spec.channels), tf.uint8)
    any_size = (1, None, None, spec.channels)
    no_boxes = None if proposals is None else tf.zeros((1, 1, 4))
    blank = spec.predict(tf.compat.v1.placeholder_with_default(zeros, any_size), False, no_boxes)
    maps = {
        key for key in ("segmentation", "masks") if key in blank and _has_image_axes(blank[key])
    }

    def predict_one(inputs):
        contents, *boxes = inputs if isinstance(inputs, tuple) else (inputs,)
        image, error = _decoded(contents)
        readable = error == ""
        pixels = to_grey(image) if spec.channels == 1 else image
        predicted = spec.predict(pixels[None], False, boxes[0][None] if boxes else None)
        predictions = {}
        for key, value in predicted.items():
            if key not in maps:
                predictions[key] = tf.where(readable, value[0], _nothing(key, value))
                continue
            rows = _rows_first(value[0])
            rows = rows[: tf.where(readable, tf.shape(rows)[0], 0)]
            predictions[key] = tf.RaggedTensor.from_tensor(rows)
        size = tf.where(readable, tf.shape(image)[:2], 0)
        return {"image_size": size, "error": error, **predictions}

    signature: dict[str, tf.TypeSpec] = {
        "image_size": tf.TensorSpec((2,), tf.int32),
        "error": tf.TensorSpec((), tf.string),
    }
    for key, value in blank.items():
        signature[key] = tf.TensorSpec(value.shape[1:], value.dtype)
        if key in maps:
            shape = (None, None, *value.shape[1:-2])
            signature[key] = tf.RaggedTensorSpec(shape, value.dtype, ragged_rank=1)
    inputs = encoded if proposals is None else (encoded, proposals)
    predictions = tf.map_fn(predict_one, inputs, fn_output_signature=signature)
    return {
        key: _padded(key, value) if key in maps else value for key, value in predictions.items()
    }


def _decoded(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the (H, W, 3) uint8 image of a file and an empty string, or zeros and the error."""
    zeros = tf.zeros((_BLANK_SIDE, _BLANK_SIDE, 3), tf.uint8)

    def decode(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        height, width = encoded_size(contents)
        large = tf.where(height * width > MAX_PIXELS, LARGE, "")
        error = tf.where(format_of(contents) == OTHER, UNKNOWN, large)
        image = tf.cond(error == "", lambda: decode_upright(contents), lambda: zeros)
        return image, error

    # A failing operation ends the call, but a data set can leave out the elements that fail.
    decoded = tf.data.Dataset.from_tensors(contents).map(decode).ignore_errors()
    damaged = tf.data.Dataset.from_tensors((zeros, tf.constant(DAMAGED)))
    image, error = decoded.concatenate(damaged).take(1).get_single_element()
    return tf.ensure_shape(image, (None, None, 3)), tf.ensure_shape(error, ())


def _nothing(key: str, value: tf.Tensor) -> tf.Tensor:
    """Returns what stands for the prediction of an image that cannot be read."""
    return tf.cast(-1 if key == "labels" else 0, value.dtype)


def _has_image_axes(value: tf.Tensor) -> bool:
    """Whether the last two axes are those of the image."""
    return value.shape[-1] is None or value.shape[-2] is None


def _rows_first(value: tf.Tensor) -> tf.Tensor:
    """Returns (H, W) unchanged, (D, H, W) as (H, W, D)."""
    return value if value.shape.rank == 2 else tf.transpose(value, (1, 2, 0))


def _padded(key: str, value: tf.RaggedTensor) -> tf.Tensor:
    fill = tf.cast(IGNORE if key == "segmentation" else 0, value.dtype)
    dense = value.to_tensor(default_value=fill)
    return dense if dense.shape.rank == 3 else tf.transpose(dense, (0, 3, 1, 2))
