"""DenseCap's regions: which to learn from, and what the recognition network says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import initializers, layers, ops

from zoo.boxes.anchors import inside
from zoo.boxes.matcher import Matcher
from zoo.boxes.overlap import iou
from zoo.boxes.sampler import balanced_sample, most_positives
from zoo.detection.ground_truth import on_ignored
from zoo.layers.bilinear_sample import bilinear_sample, box_points
from zoo.layers.normalization_policy import normalization, normalizes


@dataclasses.dataclass(frozen=True)
class CaptionSampling:
    """Which predicted boxes per image teaches by; one sample serves both stages.

    A box is positive above `positive_iou`, or as the best for a truth; negative below
    `negative_iou`. Boxes across the border are left out, unless they are the best.

    Attributes:
        count: boxes per image.
        positive_fraction: at most so many of them positive.
        positive_iou, negative_iou: overlaps.
    """

    count: int = 256
    positive_fraction: float = 0.5
    positive_iou: float = 0.7
    negative_iou: float = 0.3

    @property
    def positives(self) -> int:
        """Most positive boxes per image; they come first."""
        return most_positives(self.count, self.positive_fraction)

    def __call__(self, boxes, truth: Mapping[str, Any], height, width, seed) -> dict[str, Any]:
        """Samples the boxes (B, A, 4) that the first stage predicts; no gradient flows through.

        Args:
            boxes: xyxy in pixels of the canvas.
            truth: as `zoo.detection.ground_truth.truth_of` gives.
            height, width: of the canvas.
            seed: of the sample.

        Returns:
            `index` (B, S) of the boxes, `sampled` and `positive` (B, S) bool, and `truth` (B, S):
            the row of the region that a positive one shows. Positive ones come first.
        """
        boxes = ops.stop_gradient(boxes)
        overlaps = iou(boxes, truth["boxes"])
        there = inside(boxes, height, width)
        near = Matcher(self.positive_iou, self.negative_iou, force_best=False)
        ignored = on_ignored(boxes, truth)
        matched, labels = near(overlaps, truth["valid"], ignored, candidates=there)
        _, best = Matcher(1.0, 0.0)(overlaps, truth["valid"])
        labels = ops.where(best == 1, 1, labels)
        index, sampled = balanced_sample(labels, self.count, self.positive_fraction, seed)
        label = ops.take_along_axis(labels, index, axis=1)
        return {
            "index": index,
            "sampled": sampled,
            "positive": ops.logical_and(sampled, label == 1),
            "truth": ops.take_along_axis(matched, index, axis=1),
        }


def region_maps(features, boxes, size: int, stride: int):
    """Maps of regions by bilinear sampling; a gradient flows to the map and to the boxes.

    Args:
        features: (B, h, w, C).
        boxes: (B, R, 4) xyxy in pixels of the canvas.
        size: points a side, the outermost on the edges of the box.
        stride: pixels a cell.

    Returns:
        (B·R, size, size, C).
    """
    points = box_points(boxes, size) / stride - 0.5
    sampled = bilinear_sample(features, points, outside="edge")
    return ops.reshape(sampled, (-1, size, size, features.shape[-1]))


def recognition_network(
    channels: int,
    *,
    size: int,
    units: int,
    dropout: float,
    norm: str | None = "none",
    name: str = "recognition",
) -> keras.Model:
    """Two dense layers on a region's map, as fc6 and fc7 of VGG16, normalised as the backbone is.

    Without normalisation codes learned from random weights grow until the LSTM is saturated, and
    sentences no longer say what is seen.

    Returns:
        From (N, size, size, channels) to the code (N, units), the objectness (N, 1) and four box
        deltas (N, 4), which are 0 at first; the last two float32.
    """
    region = keras.Input((size, size, channels), name="region")
    x = layers.Flatten(name="flatten")(region)
    plain = not normalizes(norm)
    for number in (6, 7):
        x = layers.Dense(units, use_bias=plain, kernel_initializer="he_normal", name=f"fc{number}")(
            x
        )
        x = normalization(norm, f"fc{number}_norm", groups=1)(x)
        x = layers.ReLU(name=f"relu{number}")(x)
        x = layers.Dropout(dropout, name=f"drop{number}")(x) if dropout else x
    spread = initializers.RandomNormal(stddev=0.01)
    objectness = layers.Dense(1, kernel_initializer=spread, name="objectness")(x)
    deltas = layers.Dense(4, kernel_initializer="zeros", name="deltas")(x)
    outputs = [
        x,
        layers.Activation("linear", dtype="float32", name="float_objectness")(objectness),
        layers.Activation("linear", dtype="float32", name="float_deltas")(deltas),
    ]
    return keras.Model(region, outputs, name=name)
