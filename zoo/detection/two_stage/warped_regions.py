"""Regions warped to one size, each of which passes through the network (R-CNN, CVPR 2014)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.detection.two_stage.box_branch import BoxBranch
from zoo.detection.two_stage.proposal_detector import ProposalDetector
from zoo.detection.two_stage.roi_pooling import RoiPooler, maps_by_level
from zoo.errors import InputError
from zoo.layers.region_warp import region_warp
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy

SCORES = ("svm", "softmax")


@dataclasses.dataclass(frozen=True)
class RoiWarper(RoiPooler):
    """Warps RoIs of the image to squares of `size` pixels, with a border of `context` pixels."""

    context: int = 16

    def __call__(self, maps: Mapping[int, Any], boxes):
        """Returns (B·R, size, size, C) for images (B, H, W, C) as level 0 and boxes (B, R, 4)."""
        warps = region_warp(maps[0], boxes, self.size, self.context)
        return ops.reshape(warps, (-1, *warps.shape[2:]))


@dataclasses.dataclass(frozen=True)
class WarpBranch(BoxBranch):
    """R-CNN's branch; its head returns `[logits (N, K + 1), scores (N, K), deltas (N, 4·K)]`.

    In prediction `chunk_size` RoIs per image pass through the network at a time, since thousands of
    squares do not fit into memory.
    """

    chunk_size: int = 32

    def forward(self, maps: Mapping[int, Any], boxes, training: bool):
        """Returns class logits (B, R, K + 1) and deltas (B, R, K, 4) of RoIs in float32."""
        logits, _, deltas = self.head(self.pooler(maps, boxes), training=training)
        rois, classes = boxes.shape[1], logits.shape[-1]
        return (
            ops.reshape(ops.cast(logits, "float32"), (-1, rois, classes)),
            ops.reshape(ops.cast(deltas, "float32"), (-1, rois, classes - 1, 4)),
        )

    def losses(self, logits, deltas, sample, truth) -> tuple[Any, ...]:
        """Computes the class loss; the box regression is solved after training."""
        loss = softmax_cross_entropy(logits, sample["classes"])
        return (mean_where(loss, sample["sampled"]),)

    def score_rois(self, maps: Mapping[int, Any], boxes):
        """Returns scores (B, R, K) and deltas (B, R, K, 4) of RoIs, computed in chunks."""
        classes = self.head.output_shape[1][-1]

        def run(chunk):
            _, scores, deltas = self.head(self.pooler(maps, chunk), training=False)
            both = ops.concatenate([ops.cast(scores, "float32"), ops.cast(deltas, "float32")], -1)
            return ops.reshape(both, (-1, chunk.shape[1], 5 * classes))

        values = in_chunks(run, boxes, self.chunk_size, 5 * classes)
        deltas = ops.reshape(values[..., classes:], (-1, boxes.shape[1], classes, 4))
        return values[..., :classes], deltas


@keras.saving.register_keras_serializable(package="zoo")
class WarpedRegionDetector(ProposalDetector):
    """R-CNN in one model; gradient steps train the classification of warped RoIs.

    The SVMs and the box regression are layers of the head that are not trained by gradients, but
    set after training by `set_svms` and `set_box_regression`; before, scores are those of the
    softmax and boxes are the proposals.
    """

    box: WarpBranch

    def __init__(self, images: Any, pixels: Any, *, box: WarpBranch, **arguments: Any):
        super().__init__(images, {0: pixels}, box=box, losses=("class",), **arguments)

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.valid_proposals(outputs, height, width)
        scores, deltas = self.box.score_rois(maps_by_level(outputs), boxes)
        detections = self.box.select_detections(scores, deltas, boxes, valid, height, width)
        return {**detections, "boxes": transform.restore_boxes(detections["boxes"])}


@keras.saving.register_keras_serializable(package="zoo")
class RegionScores(layers.Layer):
    """Scores (N, K) in [0, 1] from `[margins (N, K), logits (N, K + 1)]`, background first.

    The sigmoid of the SVMs' margins once the weight `solved` is 1, else the softmax. The sigmoid
    keeps the order of the margins and is 0.5 on the decision boundary; it is not a probability.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape):
        self.solved = self.add_weight(name="solved", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        margins, logits = (ops.cast(each, "float32") for each in inputs)
        probabilities = ops.softmax(logits, axis=-1)[..., 1:]
        solved = ops.cast(self.solved, "float32") > 0.5
        return ops.where(solved, ops.sigmoid(margins), probabilities)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])


def region_head(
    warps: Any, features: Any, num_classes: int, *, hidden_units: int, dropout: float, scores: str
) -> keras.Model:
    """Builds R-CNN's head: softmax and SVMs on fc7, box regression on pool5.

    `warps` is the input of warped RoIs (N, size, size, C), `features` their last feature map.
    """
    pool5 = layers.Flatten(name="flatten")(features)
    x = pool5
    for number in (6, 7):
        x = layers.Dense(
            hidden_units, activation="relu", kernel_initializer="he_normal", name=f"fc{number}"
        )(x)
        x = layers.Dropout(dropout, name=f"drop{number}")(x) if dropout else x
    gaussian = keras.initializers.RandomNormal(stddev=0.01)
    logits = layers.Dense(num_classes + 1, kernel_initializer=gaussian, name="logits")(x)
    if scores == "svm":
        margins = layers.Dense(num_classes, "linear", trainable=False, name="svms")(x)
        class_scores = RegionScores(name="scores")([margins, logits])
    else:
        class_scores = layers.Softmax(dtype="float32", name="scores")(logits)[..., 1:]
    deltas = layers.Dense(
        4 * num_classes, kernel_initializer="zeros", trainable=False, name="boxes"
    )(pool5)
    outputs = [
        layers.Activation("linear", dtype="float32", name="float_logits")(logits),
        class_scores,
        layers.Activation("linear", dtype="float32", name="float_deltas")(deltas),
    ]
    return keras.Model(warps, outputs, name="box_head")


def set_svms(model: keras.Model, weights: Any, intercepts: Any) -> None:
    """Sets linear SVMs on fc7, whose margins then are the model's scores.

    The model is an `rcnn` with `scores="svm"`; weights are (K, units), intercepts (K,).
    """
    names = [layer.name for layer in model.box_head.layers]
    if "svms" not in names:
        raise InputError(f"{model.name}: the model has no SVMs, since scores is 'softmax'.")
    _set_weights(model, "svms", np.asarray(weights).T, intercepts)
    model.box_head.get_layer("scores").solved.assign(1.0)


def set_box_regression(model: keras.Model, weights: Any, intercepts: Any) -> None:
    """Sets linear regressions of t_x, t_y, t_w, t_h on pool5.

    Weights are (K, 4, inputs), where zeros leave a class's boxes unchanged; intercepts (K, 4).
    """
    weights = np.asarray(weights)
    kernel = weights.reshape(-1, weights.shape[-1]).T
    _set_weights(model, "boxes", kernel, np.asarray(intercepts).reshape(-1))


def _set_weights(model: keras.Model, name: str, kernel: np.ndarray, bias: Any) -> None:
    layer = model.box_head.get_layer(name)
    bias = np.asarray(bias)
    if kernel.shape != tuple(layer.kernel.shape) or bias.shape != tuple(layer.bias.shape):
        raise InputError(
            f"{model.name}: {name} must have {layer.kernel.shape[0]} inputs and "
            f"{layer.kernel.shape[1]} outputs, not {kernel.shape[0]} and {kernel.shape[1]}."
        )
    layer.kernel.assign(kernel.astype(np.float32))
    layer.bias.assign(bias.astype(np.float32))


def in_chunks(run: Callable[[Any], Any], boxes, chunk_size: int, depth: int):
    """Returns (B, R, depth): `run`, from (B, r, 4) to (B, r, depth) float32, of chunks of boxes."""
    count = boxes.shape[1]
    if count <= chunk_size:
        return run(boxes)
    chunks = -(-count // chunk_size)
    boxes = ops.pad(boxes, [[0, 0], [0, chunks * chunk_size - count], [0, 0]])
    batch = ops.shape(boxes)[0]
    boxes = ops.reshape(boxes, (-1, chunks, chunk_size, 4))
    numbers = ops.reshape(ops.arange(chunks, dtype="int32"), (1, chunks, 1, 1))

    def step(number, values):
        value = ops.expand_dims(run(ops.take(boxes, number, axis=1)), 1)
        return number + 1, ops.where(ops.equal(numbers, number), value, values)

    # LiteRT would store a constant initial value in the file.
    start = ops.zeros((batch, chunks, chunk_size, depth)) + 0.0 * ops.min(boxes)
    number = ops.zeros((), "int32")
    _, values = ops.while_loop(lambda number, _: number < chunks, step, (number, start))
    return ops.reshape(values, (-1, chunks * chunk_size, depth))[:, :count]
