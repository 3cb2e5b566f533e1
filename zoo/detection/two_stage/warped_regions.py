"""Regions cut out of the image itself, each of which goes through the network: R-CNN."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.detection.two_stage.proposal_detector import ProposalDetector
from zoo.detection.two_stage.roi_heads import BoxBranch, Pooler, maps_of
from zoo.errors import InputError
from zoo.layers.region_warp import region_warp
from zoo.losses.detection_losses import mean_where, softmax_cross_entropy

SCORES = ("svm", "softmax")


@dataclasses.dataclass(frozen=True)
class Warper(Pooler):
    """Squares cut out of an image.

    Attributes:
        size: pixels a side.
        context: pixels of it on every side that lie around the region.
    """

    context: int = 16

    def __call__(self, maps: Mapping[int, Any], boxes):
        """{0: image (B, H, W, C)} and boxes (B, R, 4) → (B·R, size, size, C)."""
        warps = region_warp(maps[0], boxes, self.size, self.context)
        return ops.reshape(warps, (-1, *warps.shape[2:]))


@dataclasses.dataclass(frozen=True)
class WarpBranch(BoxBranch):
    """R-CNN's branch; its head gives `[logits (N, K + 1), scores (N, K), deltas (N, 4·K)]`.

    Attributes:
        at_once: regions of an image that go through the network together when it answers, since
            thousands of squares do not fit into memory.
    """

    at_once: int = 32

    def forward(self, maps: Mapping[int, Any], boxes, training: bool):
        """Class logits (B, R, K + 1) and deltas (B, R, K, 4) of regions, in float32."""
        logits, _, deltas = self.head(self.pooler(maps, boxes), training=training)
        regions, classes = boxes.shape[1], logits.shape[-1]
        return (
            ops.reshape(ops.cast(logits, "float32"), (-1, regions, classes)),
            ops.reshape(ops.cast(deltas, "float32"), (-1, regions, classes - 1, 4)),
        )

    def losses(self, logits, deltas, sample, truth) -> tuple[Any, ...]:
        """The class loss alone: boxes are regressed apart."""
        loss = softmax_cross_entropy(logits, sample["classes"])
        return (mean_where(loss, sample["sampled"]),)

    def judge(self, maps: Mapping[int, Any], boxes):
        """Scores (B, R, K) and deltas (B, R, K, 4) of regions, a few of them at a time."""
        classes = self.head.output_shape[1][-1]

        def run(piece):
            _, scores, deltas = self.head(self.pooler(maps, piece), training=False)
            both = ops.concatenate([ops.cast(scores, "float32"), ops.cast(deltas, "float32")], -1)
            return ops.reshape(both, (-1, piece.shape[1], 5 * classes))

        found = in_pieces(run, boxes, self.at_once, 5 * classes)
        deltas = ops.reshape(found[..., classes:], (-1, boxes.shape[1], classes, 4))
        return found[..., :classes], deltas


@keras.saving.register_keras_serializable(package="zoo")
class WarpedRegionDetector(ProposalDetector):
    """R-CNN in one model: what is learned is the classification of warped regions.

    The SVMs and the box regression are layers of the head that no gradient reaches. They are solved
    afterwards, see `set_svms` and `set_box_regression`; until then the softmax gives the scores and
    a region's box is its proposal.
    """

    def __init__(self, images: Any, pixels: Any, *, box: WarpBranch, **more: Any):
        super().__init__(images, {0: pixels}, box=box, losses=("class",), **more)
        self.branch = box

    def decode(self, outputs: Mapping[str, Any], transform) -> dict[str, Any]:
        height, width = transform.resized_height, transform.resized_width
        boxes, valid = self.regions_of(outputs, height, width)
        scores, deltas = self.branch.judge(maps_of(outputs), boxes)
        found = self.branch.postprocess_scores(scores, deltas, boxes, valid, height, width)
        return {**found, "boxes": transform.restore_boxes(found["boxes"])}


@keras.saving.register_keras_serializable(package="zoo")
class RegionScores(layers.Layer):
    """Scores (N, K) in 0…1 from `[margins (N, K), logits (N, K + 1)]`, background first.

    The margins' sigmoid once the SVMs are solved (the weight `solved` is then 1), which keeps their
    order and is 0.5 on their boundary, but is no probability; till then the softmax.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape):
        self.solved = self.add_weight(name="solved", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        margins, logits = (ops.cast(each, "float32") for each in inputs)
        learned = ops.softmax(logits, axis=-1)[..., 1:]
        solved = ops.cast(self.solved, "float32") > 0.5
        return ops.where(solved, ops.sigmoid(margins), learned)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])


def region_head(
    warps: Any, features: Any, num_classes: int, *, units: int, dropout: float, scores: str
) -> keras.Model:
    """Dense layers on a square's last map, the softmax, the SVMs on fc7, the boxes on pool5."""
    pool5 = layers.Flatten(name="flatten")(features)
    x = pool5
    for number in (6, 7):
        x = layers.Dense(
            units, activation="relu", kernel_initializer="he_normal", name=f"fc{number}"
        )(x)
        x = layers.Dropout(dropout, name=f"drop{number}")(x) if dropout else x
    gaussian = keras.initializers.RandomNormal(stddev=0.01)
    logits = layers.Dense(num_classes + 1, kernel_initializer=gaussian, name="logits")(x)
    if scores == "svm":
        margins = layers.Dense(num_classes, "linear", trainable=False, name="svms")(x)
        found = RegionScores(name="scores")([margins, logits])
    else:
        found = layers.Softmax(dtype="float32", name="scores")(logits)[..., 1:]
    deltas = layers.Dense(
        4 * num_classes, kernel_initializer="zeros", trainable=False, name="boxes"
    )(pool5)
    outputs = [
        layers.Activation("linear", dtype="float32", name="float_logits")(logits),
        found,
        layers.Activation("linear", dtype="float32", name="float_deltas")(deltas),
    ]
    return keras.Model(warps, outputs, name="box_head")


def set_svms(model: keras.Model, weights: Any, intercepts: Any) -> None:
    """Folds linear SVMs on fc7 into the model, whose scores are theirs from then on.

    Args:
        model: an `rcnn` whose scores are of SVMs.
        weights, intercepts: (K, units) and (K,).

    Raises:
        InputError: a model without SVMs, or shapes that do not fit it.
    """
    names = [layer.name for layer in model.box_head.layers]
    if "svms" not in names:
        raise InputError(f"{model.name}: its scores are the softmax's; it has no SVMs.")
    _fill(model, "svms", np.asarray(weights).T, intercepts)
    model.box_head.get_layer("scores").solved.assign(1.0)


def set_box_regression(model: keras.Model, weights: Any, intercepts: Any) -> None:
    """Folds linear regressions of t_x, t_y, t_w, t_h on pool5 into the model.

    Args:
        model: an `rcnn`.
        weights, intercepts: (K, 4, inputs) and (K, 4), zeros for a class whose boxes stay.

    Raises:
        InputError: shapes that do not fit the model.
    """
    weights = np.asarray(weights)
    kernel = weights.reshape(-1, weights.shape[-1]).T
    _fill(model, "boxes", kernel, np.asarray(intercepts).reshape(-1))


def _fill(model: keras.Model, name: str, kernel: np.ndarray, bias: Any) -> None:
    layer = model.box_head.get_layer(name)
    bias = np.asarray(bias)
    if kernel.shape != tuple(layer.kernel.shape) or bias.shape != tuple(layer.bias.shape):
        raise InputError(
            f"{model.name}: {name} of {kernel.shape[0]} inputs and {kernel.shape[1]} outputs do "
            f"not fit; the model has {layer.kernel.shape[0]} and {layer.kernel.shape[1]}."
        )
    layer.kernel.assign(kernel.astype(np.float32))
    layer.bias.assign(bias.astype(np.float32))


def in_pieces(run: Callable[[Any], Any], boxes, at_once: int, depth: int):
    """`run` over boxes (B, R, 4), R known, `at_once` at a time, one piece after another.

    Args:
        run: from (B, r, 4) to (B, r, depth) float32.

    Returns:
        (B, R, depth).
    """
    count = boxes.shape[1]
    if count <= at_once:
        return run(boxes)
    pieces = -(-count // at_once)
    boxes = ops.pad(boxes, [[0, 0], [0, pieces * at_once - count], [0, 0]])
    batch = ops.shape(boxes)[0]
    boxes = ops.reshape(boxes, (-1, pieces, at_once, 4))
    here = ops.reshape(ops.arange(pieces, dtype="int32"), (1, pieces, 1, 1))

    def step(number, found):
        value = ops.expand_dims(run(ops.take(boxes, number, axis=1)), 1)
        return number + 1, ops.where(ops.equal(here, number), value, found)

    # LiteRT would keep what is constant before the loop as a constant of the file.
    start = ops.zeros((batch, pieces, at_once, depth)) + 0.0 * ops.min(boxes)
    number = ops.zeros((), "int32")
    _, found = ops.while_loop(lambda number, _: number < pieces, step, (number, start))
    return ops.reshape(found, (-1, pieces * at_once, depth))[:, :count]
