"""Losses of sampled anchors and RoIs, computed in float32."""

from __future__ import annotations

from keras import ops


def smooth_l1(differences, beta: float = 1.0):
    """Returns 0.5·d²/beta where |d| < beta, |d| − 0.5·beta elsewhere (Girshick, ICCV 2015).

    `beta` is 1/σ² of the authors' code.
    """
    differences = ops.abs(ops.cast(differences, "float32"))
    near = 0.5 * ops.square(ops.minimum(differences, beta)) / beta
    return near + ops.maximum(differences - beta, 0.0)


def sigmoid_cross_entropy(logits, targets):
    """Returns the elementwise cross-entropy of logits with targets in [0, 1]."""
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
    return ops.relu(logits) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))


def softmax_cross_entropy(logits, classes):
    """Returns the cross-entropy (…) of logits (…, C) with class indices (…), clipped to 0…C − 1."""
    logits = ops.cast(logits, "float32")
    classes = ops.clip(ops.cast(classes, "int32"), 0, logits.shape[-1] - 1)
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    chosen = ops.take_along_axis(logits, classes[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def per_image(values, valid):
    """Returns the sum of the valid values (B, …) of each image, averaged over the images."""
    values = ops.where(valid, values, 0.0)
    return ops.sum(values) / ops.cast(ops.shape(values)[0], "float32")


def mean_where(values, valid):
    """Returns the mean of the valid values (bool or 0/1, of the same shape), 0 without any."""
    valid = ops.cast(valid, "float32")
    # A product with 0 would keep the NaN of a value that is not valid.
    values = ops.where(valid > 0, ops.cast(values, "float32"), 0.0)
    return ops.sum(values) / ops.maximum(ops.sum(valid), 1.0)
