"""The graph that is exported: image in, final answers in its own pixels out."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import keras
import tensorflow as tf

import zoo
from zoo.errors import InputError
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo.inference.thresholds import recording_thresholds, with_thresholds
from zoo.registry import rebuild
from zoo.tasks.captioning_task import END, PADDING, START
from zoo.tasks.sample_schema import IGNORE


@dataclasses.dataclass(frozen=True)
class ExportSpec:
    """What is exported.

    Attributes:
        model: a model of the zoo, in float32.
        labels: class names.
        image_size: canvas (H, W) that images are put on; None runs them at their own size.
        fit: how, see `zoo.inference.image_transform.place`.
        inference: tiles, scales and flips inside the file.
    """

    model: zoo.Model
    labels: tuple[str, ...]
    image_size: tuple[int, int] | None = None
    resize: str = "letterbox"
    inference: InferenceOptions = PLAIN

    @classmethod
    def of(
        cls,
        model: zoo.Model,
        labels,
        image_size=None,
        resize: str = "letterbox",
        inference: InferenceOptions = PLAIN,
    ) -> ExportSpec:
        """A delivery of `model`, rebuilt in float32 where it was made in mixed precision.

        Raises:
            InputError: the backend is not TensorFlow, or an inference that the model's task does
                not have.
        """
        inference.check(model.task_name)
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"export needs the TensorFlow backend, not {keras.backend.backend()}; the weights "
                "are the same: run it with KERAS_BACKEND=tensorflow."
            )
        if any(layer.dtype_policy.name != "float32" for layer in model._flatten_layers()):
            plain = rebuild(str(model.architecture), model.arguments, "float32")
            plain.set_weights(model.get_weights())
            model = plain
        size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
        return cls(model, tuple(labels), size, resize, inference)

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.model.channels

    def options(self, thresholds: dict[str, Any] | None = None) -> str:
        """What was decided at export, as JSON; it lies beside or inside every exported file.

        Args:
            thresholds: the model's own, of a file that takes others.
        """
        options = {
            "architecture": self.model.architecture,
            "arguments": self.model.arguments,
            "image_size": self.image_size,
            "resize": self.resize,
            "inference": self.inference.to_dict(),
        }
        if thresholds is not None:
            options["thresholds"] = thresholds
        return json.dumps(options, indent=2) + "\n"

    @property
    def finds_boxes(self) -> bool:
        """Whether the answers are boxes that thresholds choose."""
        return self.model.task_name in ("detection", "instances")

    def default_thresholds(self) -> dict[str, float | bool]:
        """What the model answers by when it is told nothing else; it is run to see."""
        blank = tf.zeros((1, 64, 64, self.channels), tf.uint8)
        with recording_thresholds() as own:
            self.predict(blank, proposals=tf.zeros((1, 1, 4)) if self.takes_proposals else None)
        return own

    @property
    def takes_proposals(self) -> bool:
        """Whether the file takes boxes beside the images."""
        return self.model.takes_proposals

    def predict(
        self, images: tf.Tensor, portable: bool = False, proposals: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Final answers for (B, H, W, C) uint8 images; (B, P, 4) proposals if it takes any."""
        return zoo.predict(
            self.model,
            images if proposals is None else {"image": images, "proposals": proposals},
            image_size=self.image_size,
            resize=self.resize,
            portable=portable,
            inference=self.inference,
        )


class Serving(tf.Module):
    """The functions of an exported file.

    `serve(images)` takes (B, H, W, C) uint8 images of one size; `serve_bytes(encoded)` takes
    (B,) strings, JPEG, PNG, BMP or GIF files of any sizes. Where the model takes proposals, both
    take `proposals` (B, P, 4) float32 too, xyxy in pixels of each image; rows of zeros fill up.
    Where the answers are boxes, `serve_thresholds(images, score_threshold, nms_iou,
    class_agnostic)` is `serve` with numbers that otherwise are the model's own.
    Captions are strings, unless the graph
    is to be portable: LiteRT and ONNX get token ids, whose words are their labels.
    """

    def __init__(self, spec: ExportSpec, portable: bool = False, batch: int | None = None):
        super().__init__()
        self.spec = spec
        # What a saved function reads must hang on the module that is saved.
        self.kept = [variable.value for variable in spec.model.variables]
        images = tf.TensorSpec((batch, None, None, spec.channels), tf.uint8, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="encoded")
        boxes = []
        if spec.takes_proposals:
            boxes = [tf.TensorSpec((batch, None, 4), tf.float32, name="proposals")]

        @tf.function(input_signature=[images, *boxes], autograph=False)
        def serve(images, proposals=None):
            predictions = spec.predict(images, portable, proposals)
            return predictions if portable else _in_words(predictions, spec.model)

        @tf.function(input_signature=[encoded, *boxes], autograph=False)
        def serve_bytes(encoded, proposals=None):
            return _in_words(_each(encoded, spec, proposals), spec.model)

        self.serve = serve
        self.serve_bytes = serve_bytes
        if spec.finds_boxes:
            self.serve_thresholds = _with_thresholds(spec, portable, images, boxes)


def _with_thresholds(spec: ExportSpec, portable: bool, images: tf.TensorSpec, boxes: list):
    """As `serve`, with the thresholds of the answers beside the images."""
    limits = [tf.TensorSpec((), tf.float32, name=name) for name in ("score_threshold", "nms_iou")]
    blind = tf.TensorSpec((), tf.bool, name="class_agnostic")

    @tf.function(input_signature=[images, *limits, blind, *boxes], autograph=False)
    def serve_thresholds(images, score_threshold, nms_iou, class_agnostic, proposals=None):
        with with_thresholds(score_threshold, nms_iou, class_agnostic):
            predictions = spec.predict(images, portable, proposals)
        return predictions if portable else _in_words(predictions, spec.model)

    return serve_thresholds


def _each(
    encoded: tf.Tensor, spec: ExportSpec, proposals: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    """Answers one by one; maps are padded to the largest, classes with 255 and masks with 0."""
    zeros = tf.zeros((1, 64, 64, spec.channels), tf.uint8)
    any_size = (1, None, None, spec.channels)
    given = None if proposals is None else tf.zeros((1, 1, 4))
    blank = spec.predict(tf.compat.v1.placeholder_with_default(zeros, any_size), False, given)
    maps = {key for key in ("segmentation", "masks") if key in blank and _varies(blank[key])}

    def one(data):
        data, *boxes = data if isinstance(data, tuple) else (data,)
        image = tf.io.decode_image(data, channels=spec.channels, expand_animations=False)
        image.set_shape((None, None, spec.channels))
        predicted = spec.predict(image[None], False, boxes[0][None] if boxes else None)
        predictions = {key: value[0] for key, value in predicted.items()}
        rows = {key: tf.RaggedTensor.from_tensor(_rows_first(predictions[key])) for key in maps}
        return {"image_size": tf.shape(image)[:2], **predictions, **rows}

    signature: dict[str, tf.TypeSpec] = {"image_size": tf.TensorSpec((2,), tf.int32)}
    for key, value in blank.items():
        signature[key] = tf.TensorSpec(value.shape[1:], value.dtype)
        if key in maps:
            shape = (None, None, *value.shape[1:-2])
            signature[key] = tf.RaggedTensorSpec(shape, value.dtype, ragged_rank=1)
    given_each = encoded if proposals is None else (encoded, proposals)
    predictions = tf.map_fn(one, given_each, fn_output_signature=signature)
    return {
        key: _padded(key, value) if key in maps else value for key, value in predictions.items()
    }


def _varies(value: tf.Tensor) -> bool:
    """Whether the last two axes are those of the image."""
    return value.shape[-1] is None or value.shape[-2] is None


def _rows_first(value: tf.Tensor) -> tf.Tensor:
    """(H, W) as it is, (D, H, W) as (H, W, D)."""
    return value if value.shape.rank == 2 else tf.transpose(value, (1, 2, 0))


def _padded(key: str, value: tf.RaggedTensor) -> tf.Tensor:
    fill = tf.cast(IGNORE if key == "segmentation" else 0, value.dtype)
    dense = value.to_tensor(default_value=fill)
    return dense if dense.shape.rank == 3 else tf.transpose(dense, (0, 3, 1, 2))


def _in_words(predictions: dict[str, tf.Tensor], model: zoo.Model) -> dict[str, tf.Tensor]:
    """The answers with captions (B, D, T) of token ids as strings (B, D)."""
    if "captions" not in predictions:
        return predictions
    tokens = list(model.tokens)
    for silent in (PADDING, START, END):
        tokens[silent] = ""
    words = tf.gather(tf.constant(tokens), predictions["captions"])
    sentences = tf.strings.reduce_join(words, axis=-1, separator=" ")
    return {**predictions, "captions": tf.strings.strip(sentences)}
