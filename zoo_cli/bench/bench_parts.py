"""Parts of a model that `zoo bench` times, each a function that waits for its result."""

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
from export.exported_predictors import file_size
from training.data.batch_config import serving_resize
from training.optimization import make_optimizer, use_xla
from zoo_cli.bench.bench_batch import synthetic_batch, synthetic_proposals, with_proposals
from zoo_cli.bench.bench_plan import Bench

Call = Callable[[], Any]

_STEPS = 1000


class Parts:
    """Prepares the parts of one model; exported files are written to `folder`."""

    def __init__(self, bench: Bench, model: zoo.Model, folder: Path):
        self.bench, self.model, self.folder = bench, model, folder
        size = bench.image_size
        if model.sizes is not None:
            size = (model.sizes.covering(size[0]), model.sizes.covering(size[1]))
        self.input_size = size
        self.jit = use_xla(bench.recipe)
        resize = serving_resize(bench.recipe.batch.resize)
        self._transform: dict[str, Any] = {"image_size": bench.image_size, "resize": resize}
        self.sizes: dict[str, int] = {}

    def prepare(self, part: str) -> Call:
        """Returns a function that runs the part once and waits for its result."""
        return getattr(self, part)()

    def forward(self) -> Call:
        """Returns the call for raw outputs of one image of the model input size."""
        return self._forward(1)

    def forward_batch(self) -> Call:
        """Returns the call for raw outputs of a batch."""
        return self._forward(self.bench.batch_size)

    def train_step(self) -> Call:
        """Returns the call for loss, gradient and update of a batch in memory."""
        images, targets = synthetic_batch(
            self.model, self.input_size, self.bench.batch_size, self.bench.recipe.batch.max_objects
        )
        images = keras.tree.map_structure(keras.ops.convert_to_tensor, images)
        targets = {key: keras.ops.convert_to_tensor(value) for key, value in targets.items()}
        optimizer = make_optimizer(self.bench.recipe, _STEPS)
        self.model.compile(optimizer=optimizer, jit_compile=self.jit)
        return lambda: self.model.train_on_batch(images, targets)

    def saved_model(self) -> Call:
        """Returns the call for final predictions of the SavedModel for one raw image."""
        path = export.saved_model(self.model, self.folder / "saved_model", **self._transform)
        return self._exported("saved_model", path, export.saved_model_predictor(path))

    def litert(self) -> Call:
        """Returns the call for final predictions of the LiteRT file for one image, on all cores."""
        path = export.litert(self.model, self.folder / "model.tflite", **self._transform)
        return self._exported("litert", path, export.litert_predictor(path))

    def _exported(self, part: str, path: Path, predict: Callable[..., Any]) -> Call:
        """Returns the call for an image, and proposals where the model takes them."""
        self.sizes[part] = file_size(path)
        shape = (*self.bench.image_size, self.model.channels)
        inputs = [np.random.default_rng(0).integers(0, 256, shape, np.uint8)]
        if self.model.takes_proposals:
            inputs.append(synthetic_proposals(self.model, 1, self.bench.image_size)[0])
        return lambda: predict(*inputs)

    def _forward(self, batch: int) -> Call:
        shape = (batch, *self.input_size, self.model.channels)
        images = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        inputs = with_proposals(self.model, images)
        tensor = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
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
    """Returns the call for a product of large matrices of a dtype policy, and its FLOPs."""
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
    """Returns the bytes of the model's `.keras` file."""
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
        # Training replaces the buffers of the variables.
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        jax.block_until_ready(run(trainable, fixed, tensor))

    return call
