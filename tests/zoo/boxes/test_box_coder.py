import numpy as np
from arrays import to_array

from zoo.boxes import decode, encode
from zoo.boxes.coder import LARGEST_LOG

WEIGHTS = (10.0, 10.0, 5.0, 5.0)


def random_boxes(count, seed):
    rng = np.random.default_rng(seed)
    first, size = rng.uniform(-50, 500, (count, 2)), rng.uniform(5, 300, (count, 2))
    return np.concatenate([first, first + size], axis=-1)


def encoded(boxes, anchors, weights):
    """The four formulas of R-CNN's appendix, box by box."""
    rows = []
    for g, p in zip(boxes, anchors, strict=True):
        pw, ph = p[2] - p[0], p[3] - p[1]
        gx, gy, px, py = (g[0] + g[2]) / 2, (g[1] + g[3]) / 2, (p[0] + p[2]) / 2, (p[1] + p[3]) / 2
        row = (gx - px) / pw, (gy - py) / ph, np.log((g[2] - g[0]) / pw), np.log((g[3] - g[1]) / ph)
        rows.append(np.multiply(row, weights))
    return np.array(rows)


def test_encoding_follows_the_paper():
    boxes, anchors = random_boxes(50, 1), random_boxes(50, 2)
    expected = encoded(boxes, anchors, WEIGHTS)
    prediction = encode(boxes.astype("float32"), anchors.astype("float32"), WEIGHTS)
    np.testing.assert_allclose(to_array(prediction), expected, rtol=1e-4, atol=1e-4)


def test_decoding_undoes_encoding():
    boxes, anchors = random_boxes(50, 1).astype("float32"), random_boxes(50, 2).astype("float32")
    for weights in ((1.0, 1.0, 1.0, 1.0), WEIGHTS):
        back = decode(encode(boxes, anchors, weights), anchors, weights)
        np.testing.assert_allclose(to_array(back), boxes, atol=2e-3)


def test_a_hand_worked_box():
    anchor = np.float32([[0, 0, 10, 20]])
    deltas = np.float32([[0.5, -0.25, np.log(2), 0]])
    np.testing.assert_allclose(to_array(decode(deltas, anchor)), [[0, -5, 20, 15]], atol=1e-5)


def test_growth_has_a_limit():
    anchor = np.float32([[0, 0, 16, 16]])
    box = to_array(decode(np.float32([[0, 0, 1e4, LARGEST_LOG]]), anchor))[0]
    np.testing.assert_allclose(box, [-492, -492, 508, 508], rtol=1e-5)


def test_deltas_of_several_classes_share_their_proposal():
    deltas = np.random.default_rng(0).normal(size=(2, 5, 3, 4)).astype("float32")
    proposals = random_boxes(10, 3).astype("float32").reshape(2, 5, 4)
    prediction = to_array(decode(deltas, proposals[:, :, None], WEIGHTS))
    assert prediction.shape == (2, 5, 3, 4)
    for c in range(3):
        one = to_array(decode(deltas[:, :, c], proposals, WEIGHTS))
        np.testing.assert_allclose(prediction[:, :, c], one, atol=1e-4)


def test_padding_stays_finite():
    nothing = np.zeros((1, 4), "float32")
    anchor = np.float32([[0, 0, 10, 10]])
    for boxes, anchors in ((nothing, anchor), (anchor, nothing), (nothing, nothing)):
        assert np.isfinite(to_array(encode(boxes, anchors, WEIGHTS))).all()
    assert np.isfinite(to_array(decode(np.zeros((1, 4), "float16"), nothing))).all()


def test_the_gradient_of_decoding(gradient_error):
    anchors = random_boxes(6, 2)
    deltas = np.random.default_rng(3).normal(size=(6, 4))
    assert gradient_error(lambda d: decode(d, anchors, WEIGHTS), deltas) < 1e-5
