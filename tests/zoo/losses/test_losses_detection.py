"""Losses of detectors against the definitions in float64."""

import numpy as np
import pytest
from keras import ops

from zoo.losses.detection_losses import (
    mean_where,
    sigmoid_cross_entropy,
    smooth_l1,
    softmax_cross_entropy,
)


@pytest.mark.parametrize("beta", [1.0, 1 / 9])
def test_smooth_l1(beta):
    d = np.linspace(-3, 3, 61)
    expected = np.where(np.abs(d) < beta, 0.5 * d**2 / beta, np.abs(d) - 0.5 * beta)
    np.testing.assert_allclose(ops.convert_to_numpy(smooth_l1(d, beta)), expected, atol=1e-6)


def test_sigmoid_cross_entropy_also_of_huge_logits():
    logits = np.array([-1e4, -3.0, 0.0, 0.5, 1e4], "float32")
    found = ops.convert_to_numpy(sigmoid_cross_entropy(logits, np.array([0, 1, 1, 0, 1])))
    likely = 1 / (1 + np.exp(-logits[1:4].astype(float)))
    expected = [0, -np.log(likely[0]), -np.log(likely[1]), -np.log(1 - likely[2]), 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_softmax_cross_entropy():
    random = np.random.default_rng(0)
    logits = random.normal(0, 30, (4, 5, 7)).astype("float32")
    classes = random.integers(0, 7, (4, 5))
    found = ops.convert_to_numpy(softmax_cross_entropy(logits, classes))
    shifted = logits.astype(float) - logits.max(-1, keepdims=True)
    likely = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(likely, classes[..., None], -1)[..., 0])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_mean_where_is_finite_without_any_and_deaf_to_the_rest():
    values = np.array([1.0, np.nan, 3.0], "float32")
    assert float(mean_where(values, [True, False, True])) == 2.0
    assert float(mean_where(values, [False, False, False])) == 0.0
