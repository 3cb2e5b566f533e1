"""Signatures of exported files: graphs from an image to final predictions in its own pixels."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

import zoo
from export.export_spec import ExportSpec
from export.serving_bytes import predict_encoded
from zoo.inference.thresholds import with_thresholds
from zoo.tasks.captioning_task import END, PADDING, START

Signatures = dict[str, Callable[..., dict[str, tf.Tensor]]]


class ServingModule(tf.Module):
    """Functions of an exported file.

    `serve(images)` takes (B, H, W, C) uint8 images of one size; `serve_bytes(encoded)` takes
    (B,) strings, JPEG, PNG, GIF, BMP or WebP files of any sizes, which it reads as training does,
    turned upright by their EXIF orientation, see `zoo.images`; it also returns `image_size` and
    `error`, see `predict_encoded`. Other formats (TIFF, AVIF, animated WebP, BMP files with other
    than 8, 24 or 32 bits) are errors. Where the model takes proposals, both
    also take `proposals` (B, P, 4) float32, xyxy in pixels of each image, padded with zeros.
    Where the predictions are boxes, `serve_thresholds(images, score_threshold, nms_iou,
    class_agnostic)` is `serve` with these thresholds in place of the model's own.

    `portable` functions use only operators that LiteRT and ONNX have; their captions are token ids,
    indices of the class names, else strings. `batch` is the number of images, None for any.
    """

    def __init__(self, spec: ExportSpec, portable: bool = False, batch: int | None = None):
        super().__init__()
        self.spec = spec
        # A saved function can only read attributes of the module that is saved.
        self.variables_of_model = [variable.value for variable in spec.model.variables]
        images = tf.TensorSpec((batch, None, None, spec.channels), tf.uint8, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="encoded")
        boxes = []
        if spec.takes_proposals:
            boxes = [tf.TensorSpec((batch, None, 4), tf.float32, name="proposals")]

        @tf.function(input_signature=[images, *boxes], autograph=False)
        def serve(images, proposals=None):
            predictions = spec.predict(images, portable, proposals)
            return predictions if portable else _with_sentences(predictions, spec.model)

        @tf.function(input_signature=[encoded, *boxes], autograph=False)
        def serve_bytes(encoded, proposals=None):
            return _with_sentences(predict_encoded(encoded, spec, proposals), spec.model)

        self.serve = serve
        self.serve_bytes = serve_bytes
        if spec.finds_boxes:
            self.serve_thresholds = _serve_with_thresholds(spec, portable, images, boxes)


def saved_model_signatures(serving: ServingModule) -> Signatures:
    """Returns the signatures of a SavedModel by name."""
    signatures = {"serving_default": serving.serve, "serve_bytes": serving.serve_bytes}
    if serving.spec.finds_boxes:
        signatures["serve_thresholds"] = serving.serve_thresholds
    return signatures


def litert_signature(serving: ServingModule, thresholds: bool) -> Signatures:
    """Returns the one signature of a LiteRT file, which takes thresholds or does not."""
    return {"serving_default": serving.serve_thresholds if thresholds else serving.serve}


def _serve_with_thresholds(
    spec: ExportSpec, portable: bool, images: tf.TensorSpec, boxes: list[tf.TensorSpec]
):
    """Returns `serve` with thresholds beside the images."""
    limits = [tf.TensorSpec((), tf.float32, name=name) for name in ("score_threshold", "nms_iou")]
    agnostic = tf.TensorSpec((), tf.bool, name="class_agnostic")

    @tf.function(input_signature=[images, *limits, agnostic, *boxes], autograph=False)
    def serve_thresholds(images, score_threshold, nms_iou, class_agnostic, proposals=None):
        with with_thresholds(score_threshold, nms_iou, class_agnostic):
            predictions = spec.predict(images, portable, proposals)
        return predictions if portable else _with_sentences(predictions, spec.model)

    return serve_thresholds


def _with_sentences(predictions: dict[str, tf.Tensor], model: zoo.Model) -> dict[str, tf.Tensor]:
    """Returns the predictions with captions (B, D, T) of token ids as strings (B, D)."""
    if "captions" not in predictions:
        return predictions
    tokens = list(model.tokens)
    for special in (PADDING, START, END):
        tokens[special] = ""
    words = tf.gather(tf.constant(tokens), predictions["captions"])
    sentences = tf.strings.reduce_join(words, axis=-1, separator=" ")
    return {**predictions, "captions": tf.strings.strip(sentences)}
