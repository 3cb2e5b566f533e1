"""DenseCap's region sampling, bilinear region features and recognition network."""

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
    """Samples predicted boxes for training; both stages share the sample.

    A box is positive above `positive_iou` or as the best of a ground-truth box, negative below
    `negative_iou`. Boxes across the border are left out unless they are the best.
    """

    rois_per_image: int = 256
    positive_fraction: float = 0.5
    positive_iou: float = 0.7
    negative_iou: float = 0.3

    @property
    def positives(self) -> int:
        """Maximum number of positive boxes per image; they come first."""
        return most_positives(self.rois_per_image, self.positive_fraction)

    def __call__(self, boxes, truth: Mapping[str, Any], height, width, seed) -> dict[str, Any]:
        """Samples boxes (B, A, 4) of the first stage; no gradient flows through.

        Returns:
            `index` (B, S) of the boxes, `sampled` and `positive` (B, S) bool, and `matched`
            (B, S), index of the ground-truth region. Positive boxes come first.
        """
        boxes = ops.stop_gradient(boxes)
        overlaps = iou(boxes, truth["boxes"])
        within = inside(boxes, height, width)
        near = Matcher(self.positive_iou, self.negative_iou, force_best=False)
        ignored = on_ignored(boxes, truth)
        matched, labels = near(overlaps, truth["valid"], ignored, candidates=within)
        _, best = Matcher(1.0, 0.0)(overlaps, truth["valid"])
        labels = ops.where(best == 1, 1, labels)
        index, sampled = balanced_sample(labels, self.rois_per_image, self.positive_fraction, seed)
        label = ops.take_along_axis(labels, index, axis=1)
        return {
            "index": index,
            "sampled": sampled,
            "positive": ops.logical_and(sampled, label == 1),
            "matched": ops.take_along_axis(matched, index, axis=1),
        }


def region_maps(features, boxes, size: int, stride: int):
    """Samples maps (B·R, size, size, C) of boxes (B, R, 4) bilinearly from features (B, h, w, C).

    The outermost points are on the edges of the box; gradients flow to the map and the boxes.
    """
    points = box_points(boxes, size) / stride - 0.5
    sampled = bilinear_sample(features, points, outside="edge")
    return ops.reshape(sampled, (-1, size, size, features.shape[-1]))


def recognition_network(
    channels: int,
    *,
    size: int,
    hidden_units: int,
    dropout: float,
    norm: str | None = "none",
    name: str = "recognition",
) -> keras.Model:
    """Builds the recognition network: fc6 and fc7 of VGG16 on a region's map.

    They are normalized as the backbone is: without normalization, codes trained from random
    weights grow until the LSTM saturates. The model maps (N, size, size, channels) to codes
    (N, hidden_units), objectness (N, 1) and box deltas (N, 4), initially 0; the last two float32.
    """
    region = keras.Input((size, size, channels), name="region")
    x = layers.Flatten(name="flatten")(region)
    plain = not normalizes(norm)
    for number in (6, 7):
        x = layers.Dense(
            hidden_units, use_bias=plain, kernel_initializer="he_normal", name=f"fc{number}"
        )(x)
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
