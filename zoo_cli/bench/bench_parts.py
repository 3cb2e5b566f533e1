"""The parts of a model that `zoo bench` times, each a function that waits for its result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import export
import zoo
from export.runners import file_size
from training.optimization import make_optimizer
from training.run import serving_resize
from training.trainer import use_xla
from zoo_cli.bench.bench_batch import synthetic_batch, synthetic_proposals, with_proposals
from zoo_cli.bench.bench_plan import Bench
from zoo_cli.loaded_model import class_count

Call = Callable[[], Any]

_STEPS = 1000


class Parts:
    """Makes the parts of one model ready.

    Args:
        bench: the plan.
        model: built.
        folder: for exported files.
    """

    def __init__(self, bench: Bench, model: zoo.Model, folder: Path):
        self.bench, self.model, self.folder = bench, model, folder
        size = bench.image_size
        if model.sizes is not None:
            size = (model.sizes.covering(size[0]), model.sizes.covering(size[1]))
        self.canvas = size
        self.jit = use_xla(bench.recipe)
        labels = [str(number) for number in range(class_count(model))]
        resize = serving_resize(bench.recipe.resize)
        canvas = None if resize == "native" else bench.image_size
        self._delivery = (labels, canvas, resize)
        self.sizes: dict[str, int] = {}

    def prepare(self, part: str) -> Call:
        """A function that does the part once and returns when it is done."""
        return getattr(self, part)()

    def forward(self) -> Call:
        """Raw outputs for one image on the canvas."""
        return self._forward(1)

    def forward_batch(self) -> Call:
        """Raw outputs for a batch."""
        return self._forward(self.bench.batch_size)

    def train_step(self) -> Call:
        """Loss, gradient and update for a batch that lies in memory."""
        images, targets = synthetic_batch(
            self.model, self.canvas, self.bench.batch_size, self.bench.recipe.max_objects
        )
        images = keras.tree.map_structure(keras.ops.convert_to_tensor, images)
        targets = {key: keras.ops.convert_to_tensor(value) for key, value in targets.items()}
        optimizer = make_optimizer(self.bench.recipe, _STEPS)
        self.model.compile(optimizer=optimizer, jit_compile=self.jit)
        return lambda: self.model.train_on_batch(images, targets)

    def saved_model(self) -> Call:
        """Final answers for one raw image by the exported SavedModel."""
        path = export.export_saved_model(self._delivered(), self.folder / "saved_model")
        self.sizes["saved_model"] = file_size(path)
        predict, given = export.saved_model_predictor(path), self._given()
        return lambda: predict(*given)

    def litert(self) -> Call:
        """Final answers for one raw image by the exported LiteRT file, on all cores."""
        path = export.export_litert(self._delivered(), self.folder / "model.tflite")
        self.sizes["litert"] = file_size(path)
        predict, given = export.litert_predictor(path), self._given()
        return lambda: predict(*given)

    def _delivered(self) -> export.ExportSpec:
        labels, canvas, resize = self._delivery
        return export.ExportSpec.of(self.model, labels, canvas, resize)

    def _given(self) -> list[np.ndarray]:
        """An image, and proposals where the model takes any."""
        shape = (*self.bench.image_size, self.model.channels)
        given = [np.random.default_rng(0).integers(0, 256, shape, np.uint8)]
        if self.model.takes_proposals:
            given.append(synthetic_proposals(self.model, 1, self.bench.image_size)[0])
        return given

    def _forward(self, batch: int) -> Call:
        shape = (batch, *self.canvas, self.model.channels)
        images = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        given = with_proposals(self.model, images)
        tensor = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
        if keras.backend.backend() == "jax":
            return _on_jax(self.model, tensor)
        run = tf.function(
            lambda x: self.model(x, training=False), jit_compile=self.jit, autograph=False
        )

        def call() -> None:
            run(tensor)
            tf.test.experimental.sync_devices()

        return call


def matrix_product(precision: str) -> tuple[Call, int]:
    """A product of large square matrices in the type that a model computes in, and its FLOPs."""
    accelerated = bool(tf.config.list_physical_devices("GPU"))
    side = 8192 if accelerated else 1536
    dtype = keras.dtype_policies.DTypePolicy(precision).compute_dtype
    matrix = keras.ops.cast(keras.random.uniform((side, side), seed=0), dtype)
    if keras.backend.backend() == "jax":
        import jax

        product = jax.jit(lambda a: a @ a)
        return lambda: jax.block_until_ready(product(matrix)), 2 * side**3
    multiply = tf.function(lambda a: tf.matmul(a, a), autograph=False)

    def call() -> None:
        multiply(matrix)
        tf.test.experimental.sync_devices()

    return call, 2 * side**3


def keras_bytes(model: zoo.Model) -> int:
    """Size of the model's `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def _on_jax(model: zoo.Model, tensor) -> Call:
    import jax

    def outputs(trainable, fixed, images):
        return model.stateless_call(trainable, fixed, images, training=False)[0]

    run = jax.jit(outputs)

    def call() -> None:
        # Training gives its variables new buffers and the old ones away.
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        jax.block_until_ready(run(trainable, fixed, tensor))

    return call
