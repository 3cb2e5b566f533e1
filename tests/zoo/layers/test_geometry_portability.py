"""Boxes, NMS and region maps on JAX, and value and gradient compiled by XLA."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from zoo import boxes as geometry
from zoo.layers.bilinear_sample import bilinear_sample, box_points
from zoo.layers.nms import batched_nms, nms
from zoo.layers.roi_align import roi_align
from zoo.layers.roi_pool import roi_pool


def inputs():
    """Maps, boxes, truths, scores and labels of two images; the last boxes are strange."""
    rng = np.random.default_rng(0)

    def boxes(count):
        center, side = rng.uniform(0, 128, (2, count, 2)), rng.uniform(8, 90, (2, count, 2))
        return np.concatenate([center - side / 2, center + side / 2], axis=-1)

    found, truth = np.round(boxes(150) * 8) / 8, np.round(boxes(6) * 8) / 8
    found[:, -3:] = [[0, 0, 0, 0], [90, 90, 10, 10], [-500, -500, -400, 9000]]
    truth[1, 3:] = 0
    scores, labels = rng.integers(1, 60, (2, 150)) / 60, rng.integers(0, 4, (2, 150))
    fine, coarse = rng.normal(size=(2, 32, 32, 3)), rng.normal(size=(2, 16, 16, 3))
    return [np.float32(x) for x in (fine, coarse, found, truth, scores)] + [np.int32(labels)]


def assigned(fine, coarse, found, truth, scores, labels):
    anchors = geometry.AnchorGenerator({3: (16, 48)})(3, 16, 16)
    valid = ops.any(truth != 0, axis=-1)
    crowd = geometry.crowd_iou(anchors, found[:, :2]) > 0.6
    matched, label = geometry.Matcher(0.6, 0.3)(
        geometry.iou(anchors, truth), valid, crowd, geometry.inside(anchors, 128, 128)
    )
    noise = ops.mod(ops.arange(anchors.shape[0], dtype="float32") * 0.6180339, 1.0)
    index, there = geometry.balanced_sample(
        label, 64, 0.5, noise=noise + ops.zeros_like(label, dtype="float32")
    )
    return [ops.cast(x, "float32") for x in (matched, label, index, there)]


def paired(fine, coarse, found, truth, scores, labels):
    other = found[:, ::-1] + 3.0
    names = ("paired_iou", "generalized_iou")
    return [getattr(geometry, name)(found, other) for name in names]


def coded(fine, coarse, found, truth, scores, labels):
    deltas = geometry.encode(found, found[:, ::-1] + 3.0, (10, 10, 5, 5))
    by_class = ops.stack([deltas, deltas / 2], axis=2)
    return [deltas, geometry.clip(geometry.decode(by_class, found[:, :, None]), 100, 120)]


FUNCTIONS = {
    "pairs": lambda *x: [geometry.iou(x[2], x[3]), geometry.crowd_iou(x[2], x[3])],
    "paired": paired,
    "coded": coded,
    "assigned": assigned,
    "nms": lambda *x: nms(x[2], x[4], 60, 0.5, 0.1),
    "batched nms": lambda *x: batched_nms(x[2], x[4], x[5], 60, 0.5, 0.1),
    "align": lambda *x: [
        roi_align({2: x[0], 3: x[1]}, x[2], 3, 1, canonical_size=64, canonical_level=3)
    ],
    "align boxes": lambda *x: [roi_align(x[0], x[2], 3, 1, False, 4, box_gradient=True)],
    "pool": lambda *x: [roi_pool(x[0], x[2], 5, 4)],
    "sample": lambda *x: [bilinear_sample(x[0], box_points(x[2], 4) / 4 - 0.5)],
}
DIFFERENTIABLE = ("pairs", "paired", "align", "align boxes", "pool", "sample")


def predict(name):
    found = FUNCTIONS[name](*(ops.convert_to_tensor(x) for x in inputs()))
    return [ops.convert_to_numpy(ops.cast(x, "float32")) for x in found]


def smooth_inputs():
    """Boxes off the eighths and none of them strange: where all backends have one gradient."""
    fine, coarse, found, *rest = inputs()
    shift = np.random.default_rng(1).uniform(0, 0.1, found.shape)
    return [fine, coarse, np.float32(found + shift)[:, :-3], *rest]


def gradient_on_jax(name):
    """By maps and boxes of the sum of squares, compiled."""
    import jax

    given = smooth_inputs()

    def total(maps, boxes):
        found = FUNCTIONS[name](maps, given[1], boxes, *given[3:])
        return sum(ops.sum(ops.square(x)) for x in found)

    return jax.jit(jax.grad(total, argnums=(0, 1)))(given[0], given[2])


def gradient_on_tensorflow(name, compiled):
    import tensorflow as tf

    given = [tf.constant(x) for x in smooth_inputs()]

    @tf.function(jit_compile=compiled)
    def gradient(maps, boxes):
        with tf.GradientTape() as tape:
            tape.watch([maps, boxes])
            found = FUNCTIONS[name](maps, given[1], boxes, *given[3:])
            total = sum(tf.reduce_sum(tf.square(x)) for x in found)
        return tape.gradient(total, [maps, boxes], unconnected_gradients="zero")

    return [x.numpy() for x in gradient(given[0], given[2])]


def main(path):
    import jax

    found = {}
    for name in FUNCTIONS:
        compiled = jax.jit(FUNCTIONS[name])(*inputs())
        found |= {f"{name} {i}": np.float32(x) for i, x in enumerate(compiled)}
    for name in DIFFERENTIABLE:
        found |= {f"{name} gradient {i}": x for i, x in enumerate(gradient_on_jax(name))}
    np.savez(path, **found)


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    pytest.importorskip("jax")
    path = tmp_path_factory.mktemp("jax") / "jax.npz"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, __file__, str(path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(path)


def check(one, two, name):
    close = 1e-5 * max(np.abs(two).max(), 1.0)
    np.testing.assert_allclose(one, two, atol=close, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jax_gives_the_same_numbers(name, on_jax):
    expected = predict(name)
    assert any(np.abs(x).max() > 0 for x in expected)
    for i, one in enumerate(expected):
        check(on_jax[f"{name} {i}"], one, f"{name} {i}")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_are_the_same_under_xla_and_on_jax(name, on_jax):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX is compared with TensorFlow")
    expected = gradient_on_tensorflow(name, compiled=False)
    for i, one in enumerate(gradient_on_tensorflow(name, compiled=True)):
        assert np.isfinite(one).all()
        check(one, expected[i], f"{name} {i}, XLA")
        check(on_jax[f"{name} gradient {i}"], expected[i], f"{name} {i}, JAX")


@pytest.mark.parametrize("name", ["assigned", "batched nms"])
def test_xla_gives_the_same_choice(name):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("XLA is called through TensorFlow")
    compiled = tf.function(FUNCTIONS[name], jit_compile=True)(*inputs())
    for i, (one, two) in enumerate(zip(compiled, predict(name), strict=True)):
        check(np.float32(one), two, f"{name} {i}")


if __name__ == "__main__":
    main(sys.argv[1])
