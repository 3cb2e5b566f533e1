import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.boxes import crowd_iou, generalized_iou, iou, paired_iou

PAIRED = {"iou": paired_iou, "giou": generalized_iou}


def random_boxes(*shape, seed=0):
    rng = np.random.default_rng(seed)
    first, size = rng.uniform(0, 60, (*shape, 2)), rng.uniform(1, 50, (*shape, 2))
    return np.concatenate([first, first + size], axis=-1)


def one_overlap(a, b, kind="iou"):
    """One pair in float64, from the definitions of the papers."""
    if not all(np.isfinite(a)) or not all(np.isfinite(b)):
        return 0.0
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area_a = max(0, a[2] - a[0]) * max(0, a[3] - a[1])
    area_b = max(0, b[2] - b[0]) * max(0, b[3] - b[1])
    if kind == "crowd":
        return shared / area_a if area_a else 0.0
    union = area_a + area_b - shared
    value = shared / union if union else 0.0
    if kind == "iou":
        return value
    wide, high = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    return value - (wide * high - union) / (wide * high)


def test_the_papers_example():
    a, b = np.float32([[0, 0, 10, 10]]), np.float32([[5, 5, 15, 15]])
    assert to_array(iou(a, b))[0, 0] == pytest.approx(25 / 175)
    assert to_array(crowd_iou(a, b))[0, 0] == pytest.approx(0.25)
    assert to_array(generalized_iou(a, b))[0] == pytest.approx(25 / 175 - 50 / 225)


def test_all_pairs_of_a_batch():
    a, b = random_boxes(2, 7), random_boxes(2, 5, seed=1)
    b[0, 0], b[1, 1] = a[0, 0], [500, 500, 510, 510]
    for function, kind in ((iou, "iou"), (crowd_iou, "crowd")):
        expected = [
            [[one_overlap(x, y, kind) for y in ys] for x in xs] for xs, ys in zip(a, b, strict=True)
        ]
        prediction = to_array(function(a.astype("float32"), b.astype("float32")))
        np.testing.assert_allclose(prediction, expected, atol=1e-5)
    shared_anchors = to_array(iou(a[0].astype("float32"), b.astype("float32")))
    assert shared_anchors.shape == (2, 7, 5)
    assert shared_anchors[0, 0, 0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", PAIRED)
def test_partners(kind):
    a, b = random_boxes(200), random_boxes(200, seed=1)
    expected = [one_overlap(x, y, kind) for x, y in zip(a, b, strict=True)]
    prediction = to_array(PAIRED[kind](a.astype("float32"), b.astype("float32")))
    np.testing.assert_allclose(prediction, expected, atol=1e-5)
    same = to_array(PAIRED[kind](a.astype("float32"), a.astype("float32")))
    np.testing.assert_allclose(same, 1, atol=1e-5)


STRANGE = np.float32(
    [
        [0, 0, 0, 0],
        [5, 5, 5, 9],
        [9, 9, 2, 2],
        [-1e18, -1e18, 1e18, 1e18],
        [np.nan, 0, 10, 10],
        [0, 0, np.inf, 10],
        [0, 0, 1e-6, 1e-6],
        [1, 2, 3, 4],
    ]
)


def test_strange_boxes_overlap_as_defined():
    prediction = to_array(iou(STRANGE, STRANGE))
    expected = [[one_overlap(a, b) for b in STRANGE.astype("float64")] for a in STRANGE]
    np.testing.assert_allclose(prediction, expected, atol=1e-5)
    assert np.isfinite(to_array(crowd_iou(STRANGE, STRANGE))).all()


@pytest.mark.parametrize("kind", PAIRED)
def test_strange_boxes_give_finite_values_and_gradients(kind):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    a = tf.constant(np.repeat(STRANGE, len(STRANGE), axis=0))
    b = tf.constant(np.tile(STRANGE, (len(STRANGE), 1)))
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        value = PAIRED[kind](a, b)
    assert np.isfinite(value.numpy()).all()
    for gradient in tape.gradient(value, [a, b]):
        assert np.isfinite(gradient.numpy()).all()


def test_gradients(gradient_error):
    a, b = random_boxes(20), random_boxes(20, seed=1)
    for function in PAIRED.values():
        assert gradient_error(lambda x, function=function: function(x, b), a) < 1e-5


def test_half_precision_is_computed_in_full():
    a, b = random_boxes(50).astype("float16"), random_boxes(50, seed=1).astype("float16")
    for function in PAIRED.values():
        full = to_array(function(a.astype("float32"), b.astype("float32")))
        np.testing.assert_array_equal(to_array(function(a, b)), full)
