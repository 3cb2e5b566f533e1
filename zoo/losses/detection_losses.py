"""Losses on samples of anchors and regions: sums over those that count, over a fixed number.

All take float tensors of any precision and compute in float32.
"""

from __future__ import annotations

from keras import ops


def smooth_l1(differences, beta: float = 1.0):
    """0.5·d²/beta below |d| = beta, |d| − 0.5·beta above (Girshick, *Fast R-CNN*, ICCV 2015).

    The authors' σ is 1/√beta.
    """
    differences = ops.abs(ops.cast(differences, "float32"))
    near = 0.5 * ops.square(ops.minimum(differences, beta)) / beta
    return near + ops.maximum(differences - beta, 0.0)


def sigmoid_cross_entropy(logits, truth):
    """Elementwise cross-entropy of logits with a truth in 0…1."""
    logits, truth = ops.cast(logits, "float32"), ops.cast(truth, "float32")
    return ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))


def softmax_cross_entropy(logits, classes):
    """Cross-entropy (…,) of logits (…, C) with class numbers (…,) in 0…C−1."""
    logits = ops.cast(logits, "float32")
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    chosen = ops.take_along_axis(logits, ops.cast(classes, "int32")[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def per_image(values, where):
    """Sum of the values (B, …) where `where` (same shape, bool), mean over the images."""
    kept = ops.where(where, values, 0.0)
    return ops.sum(kept) / ops.cast(ops.shape(kept)[0], "float32")


def mean_where(values, where):
    """Mean of the values where `where` (bool or 0/1, same shape); 0 where there is none."""
    where = ops.cast(where, "float32")
    # A product with 0 would keep a NaN of a row that does not count.
    kept = ops.where(where > 0, ops.cast(values, "float32"), 0.0)
    return ops.sum(kept) / ops.maximum(ops.sum(where), 1.0)
