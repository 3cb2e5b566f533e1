"""U-Net's per-pixel loss weights, which emphasize the gaps between cells.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015: w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2)), where d1 and d2 are the
distances from x to the nearest and to the second-nearest cell.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.ndimage
import tensorflow as tf

from zoo.errors import InputError

# At a distance of 6 sigma the term is below w0 * 2e-8, less than float32 can add to 1.
REACH = 6.0


def border_weights(
    instances: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] | None = None,
) -> np.ndarray:
    """Returns (H, W) float32 loss weights of an (H, W) integer instance map, 0 = background.

    Distances are Euclidean, in pixels, from a background pixel to the nearest pixel of a cell. Only
    background pixels have the border term of height `w0` and width `sigma` pixels, and only in
    images with at least two instances. `class_weights` are w_c of (background, foreground); None
    for 1.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or not np.issubdtype(instances.dtype, np.integer):
        raise InputError(
            f"instances must be an (H, W) integer array, not {instances.dtype} {instances.shape}."
        )
    if not sigma > 0 or w0 < 0:
        raise InputError(f"sigma must be above 0 and w0 at least 0, not {sigma} and {w0}.")
    background = instances == 0
    weights = _class_weights(background, class_weights)
    first, second = _two_smallest_distances(instances, math.ceil(REACH * sigma))
    gap = background & np.isfinite(second)
    weights[gap] += w0 * np.exp(-((first[gap] + second[gap]) ** 2) / (2.0 * sigma**2))
    return weights.astype(np.float32)


def _class_weights(background: np.ndarray, class_weights: tuple[float, float] | None) -> np.ndarray:
    if class_weights is None:
        return np.ones(background.shape)
    if len(class_weights) != 2 or min(class_weights) < 0:
        raise InputError(
            f"class_weights must be (background, foreground), both at least 0, not {class_weights}."
        )
    return np.where(background, *map(float, class_weights))


def _two_smallest_distances(instances: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distances to the two nearest instances, infinite beyond `reach` pixels."""
    numbered = np.zeros(instances.shape, np.int32)
    cells = instances != 0
    numbered[cells] = np.unique(instances[cells], return_inverse=True)[1].ravel() + 1
    first = np.full(instances.shape, np.inf)
    second = first.copy()
    for number, slices in enumerate(scipy.ndimage.find_objects(numbered), start=1):
        near = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in slices)
        distance = scipy.ndimage.distance_transform_edt(numbered[near] != number)
        second[near] = np.minimum(second[near], np.maximum(first[near], distance))
        first[near] = np.minimum(first[near], distance)
    return first, second


def border_weights_tensor(instances: tf.Tensor, w0: float = 10.0, sigma: float = 5.0) -> tf.Tensor:
    """Computes `border_weights` in a tf.data graph: (H, W) integer tensor to (H, W) float32."""
    weights = tf.numpy_function(
        lambda array: border_weights(array, w0, sigma), [instances], tf.float32, stateful=False
    )
    return tf.ensure_shape(weights, instances.shape)
