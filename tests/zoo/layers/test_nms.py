import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.errors import InputError
from zoo.layers.nms import batched_nms, nms
from zoo.layers.portable import portable_operators


def scene(batch, count, seed=0, extent=300):
    """Boxes on eighths of a pixel, where float32 is exact, and scores with many ties."""
    rng = np.random.default_rng(seed)
    center, size = (
        rng.uniform(0, extent, (batch, count, 2)),
        rng.uniform(10, 120, (batch, count, 2)),
    )
    boxes = np.concatenate([center - size / 2, center + size / 2], axis=-1)
    scores = rng.integers(0, 40, (batch, count)) / 40
    labels = rng.integers(0, 5, (batch, count))
    return np.float32(np.round(boxes * 8) / 8), np.float32(scores), np.int32(labels)


def overlap(a, b):
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [max(0, x[2] - x[0]) * max(0, x[3] - x[1]) for x in (a, b)]
    return shared / (sum(areas) - shared) if shared else 0.0


def greedy(boxes, scores, most, threshold, least=-np.inf, labels=None):
    """One image in float64, box by box."""
    boxes = np.float64(boxes)
    labels = np.zeros(len(boxes)) if labels is None else labels
    kept = []
    for i in np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable"):
        sound = np.isfinite(boxes[i]).all() and scores[i] > least and labels[i] >= 0
        rivals = (k for k in kept if labels[k] == labels[i])
        if sound and all(overlap(boxes[i], boxes[k]) <= threshold for k in rivals):
            kept.append(i)
    return kept[:most]


def check(prediction, expected):
    index, valid = (to_array(x) for x in prediction)
    for i, kept in enumerate(expected):
        np.testing.assert_array_equal(valid[i], np.arange(valid.shape[1]) < len(kept))
        np.testing.assert_array_equal(index[i, : len(kept)], kept)
        assert (index[i, len(kept) :] == 0).all()


WAYS = [False, True]


@pytest.fixture(params=WAYS, ids=["portable", "native"])
def native(request):
    if request.param and keras.backend.backend() != "tensorflow":
        pytest.skip("native operators are TensorFlow's")
    return request.param


@pytest.mark.parametrize("batch, count", [(3, 300), (1, 300), (2, 129), (2, 1)])
def test_greedy_suppression(batch, count, native):
    boxes, scores, labels = scene(batch, count)
    for most, threshold, least in ((400, 0.5, 0.0), (20, 0.7, 0.25), (7, 0.0, -np.inf)):
        rows = range(batch)
        expected = [greedy(boxes[i], scores[i], most, threshold, least) for i in rows]
        check(nms(boxes, scores, most, threshold, least, native), expected)
        expected = [greedy(boxes[i], scores[i], most, threshold, least, labels[i]) for i in rows]
        check(batched_nms(boxes, scores, labels, most, threshold, least, native), expected)


def test_a_long_chain(native):
    """Each box suppresses the next one alone, across the tiles of the portable form."""
    left = np.arange(300) * 4.0
    boxes = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=-1)[None]
    scores = np.linspace(1, 0.1, 300)[None]
    check(nms(np.float32(boxes), np.float32(scores), 300, 0.3, native=native), [range(0, 300, 2)])


def test_overlap_at_the_threshold_is_allowed(native):
    boxes = np.float32([[[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 5.5]]] * 2)
    scores = np.float32([[0.9, 0.8, 0.7]] * 2)
    check(nms(boxes, scores, 3, 0.5, native=native), [[0, 1]] * 2)


def test_of_equal_scores_the_first_stays(native):
    boxes = np.float32(np.tile([0, 0, 10, 10], (2, 200, 1)))
    boxes[1, 150:] += 50
    check(nms(boxes, np.full((2, 200), 0.5, "float32"), 5, 0.5, native=native), [[0], [0, 150]])


def test_strange_boxes_and_scores(native):
    inf, nan = np.inf, np.nan
    boxes = np.float32(
        [
            [nan, 0, 10, 10],
            [0, 0, 10, 10],
            [0, 0, inf, 10],
            [5, 5, 5, 5],
            [10, 10, 0, 0],
            [-1e17, -1e17, 1e17, 1e17],
            [0, 0, 10, 10],
            [0, 0, 9, 10],
        ]
    )
    scores = np.float32([0.9, 0.8, 0.9, 0.7, 0.6, 0.5, nan, -inf])
    expected = greedy(boxes, scores, 8, 0.5)
    assert [int(k) for k in expected] == [1, 3, 4, 5]
    two = np.stack([boxes, boxes[::-1]]), np.stack([scores, scores[::-1]])
    check(nms(*two, 8, 0.5, native=native), [expected, [7 - k for k in expected]])


def test_nothing_to_choose_from(native):
    boxes, scores, _ = scene(2, 4)
    check(nms(boxes[:, :0], scores[:, :0], 3, 0.5, native=native), [[], []])
    check(nms(boxes, scores, 3, 0.5, score_threshold=2.0, native=native), [[], []])
    none = np.full((2, 4), -1, "int32")
    check(batched_nms(boxes, scores, none, 3, 0.5, native=native), [[], []])
    empty = (boxes[:, :0], scores[:, :0], none[:, :0])
    check(batched_nms(*empty, 3, 0.5, native=native), [[], []])
    check(batched_nms(boxes[:0], scores[:0], none[:0], 3, 0.5, native=native), [])


def test_numbers_that_are_unknown_beforehand():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has unknown sizes")
    boxes, scores, _ = scene(2, 30, extent=60)
    sizes = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None])]
    function = tf.function(lambda *x: nms(*x, 6, 0.5), input_signature=sizes)
    for count in (30, 3, 0):
        expected = [greedy(boxes[i, :count], scores[i, :count], 6, 0.5) for i in range(2)]
        check(function(boxes[:, :count], scores[:, :count]), expected)


def test_logits_do_as_scores_and_half_precision_does(native):
    boxes, scores, _ = scene(2, 60, extent=100)
    boxes, scores = np.float16(np.round(boxes)), np.float16(scores * 20 - 30)
    expected = [greedy(boxes[i], scores[i], 60, 0.5) for i in range(2)]
    check(nms(boxes, scores, 60, 0.5, native=native), expected)


def test_xla_compiles_it_by_itself():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("XLA is called through TensorFlow")
    boxes, scores, labels = scene(2, 200)
    compiled = tf.function(lambda *x: batched_nms(*x, 50, 0.5, 0.1), jit_compile=True)
    expected = [greedy(boxes[i], scores[i], 50, 0.5, 0.1, labels[i]) for i in range(2)]
    check(compiled(boxes, scores, labels), expected)


def in_a_model(boxes, scores, labels):
    inputs = [
        keras.Input(x.shape[1:], dtype=x.dtype, name=name)
        for x, name in ((boxes, "a"), (scores, "b"), (labels, "c"))
    ]
    prediction = keras.layers.Lambda(lambda x: batched_nms(*x, 40, 0.5, 0.1))(inputs)
    return keras.Model(inputs, prediction)


@pytest.mark.parametrize("portable", [False, True])
def test_litert_has_every_operator(portable, litert):
    """One image goes to its own operator; ties too are as elsewhere."""
    arrays = scene(1, 200)
    with portable_operators(portable):
        index, valid = litert(in_a_model(*arrays), *arrays)
    if index.dtype == bool:
        index, valid = valid, index
    check((index, valid), [greedy(*(x[0] for x in arrays[:2]), 40, 0.5, 0.1, arrays[2][0])])


def test_litert_keeps_boxes_without_area_once(litert):
    """Its own operator answers the first of them again and again."""
    boxes, scores, labels = scene(1, 30)
    boxes[..., 3] = boxes[..., 1]
    boxes[0, 7] = np.nan
    with portable_operators():
        index, valid = litert(in_a_model(boxes, scores, labels), boxes, scores, labels)
    if index.dtype == bool:
        index, valid = valid, index
    check((index, valid), [greedy(boxes[0], scores[0], 40, 0.5, 0.1, labels[0])])


def test_litert_has_every_operator_of_the_portable_form():
    tf = pytest.importorskip("tensorflow")
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("LiteRT files are made on TensorFlow")
    boxes, scores, _ = scene(2, 150)
    function = tf.function(lambda a, b: nms(a, b, 40, 0.5, 0.1)[0])
    with portable_operators():
        graph = function.get_concrete_function(*(tf.TensorSpec(x.shape) for x in (boxes, scores)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = interpreters.Interpreter(model_content=converter.convert()).get_signature_runner()
    prediction = next(iter(runner(a=boxes, b=scores).values()))
    np.testing.assert_array_equal(prediction, to_array(nms(boxes, scores, 40, 0.5, 0.1)[0]))


def test_values_out_of_range():
    boxes, scores, _ = scene(1, 4)
    with pytest.raises(InputError, match="max_outputs must be at least 1"):
        nms(boxes, scores, 0)
    with pytest.raises(InputError, match="not 50"):
        nms(boxes, scores, 3, 50)
