"""The graph that is exported: picture in, final answers in its own pixels out."""

from __future__ import annotations

import dataclasses
import json

import keras
import tensorflow as tf

import zoo
from zoo.errors import InputError
from zoo.inference import PLAIN, Inference
from zoo.registry import rebuild
from zoo.tasks.schema import IGNORE


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What is exported.

    Attributes:
        model: a model of the zoo, in float32.
        labels: class names.
        image_size: canvas (H, W) that pictures are put on; None runs them at their own size.
        fit: how, see `zoo.frame.place`.
        inference: tiles, scales and flips inside the file.
    """

    model: zoo.Model
    labels: tuple[str, ...]
    image_size: tuple[int, int] | None = None
    fit: str = "fit"
    inference: Inference = PLAIN

    @classmethod
    def of(
        cls,
        model: zoo.Model,
        labels,
        image_size=None,
        fit: str = "fit",
        inference: Inference = PLAIN,
    ) -> Delivery:
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
        return cls(model, tuple(labels), size, fit, inference)

    @property
    def channels(self) -> int:
        """Channels of the pictures."""
        return self.model.input_shape[-1]

    @property
    def options(self) -> str:
        """What was decided at export, as JSON; it lies beside or inside every exported file."""
        options = {
            "architecture": self.model.architecture,
            "arguments": self.model.arguments,
            "image_size": self.image_size,
            "fit": self.fit,
            "inference": self.inference.to_dict(),
        }
        return json.dumps(options, indent=2) + "\n"

    def answer(self, images: tf.Tensor, portable: bool = False) -> dict[str, tf.Tensor]:
        """Final answers for (B, H, W, C) uint8 pictures."""
        return zoo.answer(
            self.model,
            images,
            image_size=self.image_size,
            fit=self.fit,
            portable=portable,
            inference=self.inference,
        )


class Serving(tf.Module):
    """The functions of an exported file.

    `serve(images)` takes (B, H, W, C) uint8 pictures of one size; `serve_bytes(encoded)` takes
    (B,) strings, JPEG, PNG, BMP or GIF files of any sizes.
    """

    def __init__(self, delivery: Delivery, portable: bool = False, batch: int | None = None):
        super().__init__()
        self.delivery = delivery
        # What a saved function reads must hang on the module that is saved.
        self.kept = [variable.value for variable in delivery.model.variables]
        images = tf.TensorSpec((batch, None, None, delivery.channels), tf.uint8, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="encoded")

        @tf.function(input_signature=[images], autograph=False)
        def serve(images):
            return delivery.answer(images, portable)

        @tf.function(input_signature=[encoded], autograph=False)
        def serve_bytes(encoded):
            return _each(encoded, delivery)

        self.serve = serve
        self.serve_bytes = serve_bytes


def _each(encoded: tf.Tensor, delivery: Delivery) -> dict[str, tf.Tensor]:
    """Answers picture by picture; maps of different sizes are padded to the largest with 255."""

    def one(data):
        image = tf.io.decode_image(data, channels=delivery.channels, expand_animations=False)
        image.set_shape((None, None, delivery.channels))
        answers = {k: v[0] for k, v in delivery.answer(image[None]).items()}
        size = tf.shape(image)[:2]
        return {"image_size": size, **{k: _ragged(k, v) for k, v in answers.items()}}

    shapes = delivery.answer(tf.zeros((1, 64, 64, delivery.channels), tf.uint8))
    signature = {"image_size": tf.TensorSpec((2,), tf.int32)}
    for key, value in shapes.items():
        signature[key] = (
            tf.RaggedTensorSpec((None, None), value.dtype, ragged_rank=1)
            if key == "segmentation"
            else tf.TensorSpec(value.shape[1:], value.dtype)
        )
    answers = tf.map_fn(one, encoded, fn_output_signature=signature)
    return {
        key: value.to_tensor(default_value=tf.cast(IGNORE, value.dtype))
        if isinstance(value, tf.RaggedTensor)
        else value
        for key, value in answers.items()
    }


def _ragged(key: str, value: tf.Tensor):
    return tf.RaggedTensor.from_tensor(value) if key == "segmentation" else value
