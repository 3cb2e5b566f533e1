"""Each loss against its definition in NumPy, float64, pixel by pixel."""

import json
import math
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo import losses
from zoo.layers.class_softmax import class_softmax

CLASSES = 4


def problem(seed=0, shape=(2, 3, 5), ignored=0.2, scale=2.0):
    """Labels with some 255 and logits, one class absent from the labels."""
    random = np.random.default_rng(seed)
    labels = random.choice([0, 1, 3], shape)
    labels = np.where(random.random(shape) < ignored, 255, labels)
    logits = random.normal(0, scale, (*shape, CLASSES))
    return labels.astype("int32"), logits.astype("float32")


def pixels(labels, logits, weights=None):
    """(label, probabilities, weight) of every valid pixel, probabilities in float64."""
    weights = np.ones(labels.shape) if weights is None else weights
    for place in np.ndindex(labels.shape):
        if labels[place] != 255:
            row = logits[place].astype("float64")
            powers = np.exp(row - row.max())
            yield labels[place], powers / powers.sum(), float(weights[place])


def cross_entropy(labels, logits, weights=None, class_weights=None, smoothing=0.0):
    total, count = 0.0, 0
    for label, p, weight in pixels(labels, logits, weights):
        loss = 0.0
        for c in range(CLASSES):
            target = (1 - smoothing) * (c == label) + smoothing / CLASSES
            loss -= target * math.log(p[c])
        total += loss * weight * (1.0 if class_weights is None else class_weights[label])
        count += 1
    return total / count


def focal(labels, logits, weights=None, gamma=2.0):
    terms = [
        -((1 - p[label]) ** gamma) * math.log(p[label]) * weight
        for label, p, weight in pixels(labels, logits, weights)
    ]
    return sum(terms) / len(terms)


def overlap(labels, logits, weights, score):
    both, predicted, true = np.zeros(CLASSES), np.zeros(CLASSES), np.zeros(CLASSES)
    for label, p, weight in pixels(labels, logits, weights):
        predicted += weight * p
        true[label] += weight
        both[label] += weight * p[label]
    present = [c for c in range(CLASSES) if true[c] > 0]
    return sum(1 - score(both[c], predicted[c], true[c]) for c in present) / len(present)


def dice(labels, logits, weights=None):
    return overlap(labels, logits, weights, lambda both, p, t: 2 * both / (p + t))


def jaccard(labels, logits, weights=None):
    return overlap(labels, logits, weights, lambda both, p, t: both / (p + t - both))


def jaccard_set_loss(truth, wrong):
    """1 − |A∩B| / |A∪B| of truth A when the pixels in `wrong` are predicted wrongly."""
    found = truth ^ wrong
    return 1 - len(truth & found) / len(truth | found) if truth | found else 0.0


def lovasz(labels, logits, weights=None):
    """The Lovász extension: errors times the gains of the set function, greatest error first."""
    rows = list(pixels(labels, logits, weights))
    values = []
    for c in range(CLASSES):
        truth = {i for i, (label, _, _) in enumerate(rows) if label == c}
        if not truth:
            continue
        errors = [w * abs((label == c) - p[c]) for label, p, w in rows]
        value, wrong, before = 0.0, set(), 0.0
        for i in sorted(range(len(rows)), key=lambda i: -errors[i]):
            wrong.add(i)
            after = jaccard_set_loss(truth, wrong)
            value += errors[i] * (after - before)
            before = after
        values.append(value)
    return sum(values) / len(values)


PAIRS = {
    "cross_entropy": (losses.CrossEntropy, cross_entropy),
    "focal": (losses.Focal, focal),
    "dice": (losses.Dice, dice),
    "jaccard": (losses.Jaccard, jaccard),
    "lovasz": (losses.Lovasz, lovasz),
}
every_loss = pytest.mark.parametrize("name", PAIRS)


def value(loss, *arguments):
    return float(ops.convert_to_numpy(loss(*arguments)))


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_equals_its_definition(name, seed):
    make, reference = PAIRS[name]
    labels, logits = problem(seed)
    assert value(make(), labels, logits) == pytest.approx(reference(labels, logits), rel=2e-5)


@every_loss
def test_sample_weights_a_pixel(name):
    make, reference = PAIRS[name]
    labels, logits = problem(1)
    weights = np.random.default_rng(7).uniform(0.5, 3, labels.shape).astype("float32")
    expected = reference(labels, logits, weights)
    assert value(make(), labels, logits, weights) == pytest.approx(expected, rel=2e-5)


@every_loss
def test_sample_weights_a_image(name):
    make, reference = PAIRS[name]
    labels, logits = problem(2)
    weights = np.array([0.25, 2.0], "float32")
    everywhere = np.broadcast_to(weights[:, None, None], labels.shape)
    expected = reference(labels, logits, everywhere)
    assert value(make(), labels, logits, weights) == pytest.approx(expected, rel=2e-5)


@every_loss
def test_ignored_pixels_do_not_matter(name):
    loss = PAIRS[name][0]()
    labels, logits = problem(3)
    other = np.where((labels == 255)[..., None], 9.0, logits).astype("float32")
    assert value(loss, labels, other) == pytest.approx(value(loss, labels, logits), rel=1e-6)
    shown = np.where(labels == 255, 7, labels)
    again = PAIRS[name][0](ignore=7)
    assert value(again, shown, logits) == pytest.approx(value(loss, labels, logits), rel=1e-6)


@every_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_give_a_float32_loss(name, dtype):
    make, reference = PAIRS[name]
    labels, logits = problem(4, scale=8.0)
    half = ops.cast(logits, dtype)
    loss = make()(labels, half)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    exact = reference(labels, ops.convert_to_numpy(ops.cast(half, "float32")))
    assert float(loss) == pytest.approx(exact, rel=2e-5)


@every_loss
@pytest.mark.parametrize("case", ["usual", "all ignored", "certain and right", "certain and wrong"])
def test_value_and_gradient_are_finite(name, case):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    labels, logits = problem(5)
    if case == "all ignored":
        labels = np.full_like(labels, 255)
    elif case != "usual":
        labels = np.where(labels == 255, 0, labels)
        wanted = labels if "right" in case else (labels + 1) % CLASSES
        logits = 1e4 * np.eye(CLASSES, dtype="float32")[wanted]
    loss = PAIRS[name][0]()
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        found = loss(labels, x)
    gradient = tape.gradient(found, x).numpy()
    assert np.isfinite(found.numpy()) and np.isfinite(gradient).all()
    assert np.all(gradient[labels == 255] == 0)
    if case == "usual":
        assert np.abs(gradient).max() > 1e-3
    elif case != "certain and wrong":
        assert found.numpy() == pytest.approx(0, abs=1e-6)
    else:
        assert found.numpy() > 0.5


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "dice", "jaccard"])
def test_gradient_equals_the_slope_of_the_definition(name):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    make, reference = PAIRS[name]
    labels, logits = problem(6, shape=(1, 2, 3))
    labels[0, 0, 0] = 1
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        found = make()(labels, x)
    gradient = tape.gradient(found, x).numpy()
    for place in [(0, 0, 0, 1), (0, 0, 0, 2), (0, 1, 2, 3)]:
        step = np.zeros(logits.shape)
        step[place] = 1e-5
        slope = (reference(labels, logits + step) - reference(labels, logits - step)) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_lovasz_gradient_is_the_probabilities_one_times_the_gains():
    """A step against the gradient lowers the definition by the first-order amount."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    labels, logits = problem(8)
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        found = losses.Lovasz()(labels, x)
    gradient = tape.gradient(found, x).numpy().astype("float64")
    step = 1e-4
    fall = lovasz(labels, logits) - lovasz(labels, logits - step * gradient)
    assert fall == pytest.approx(step * (gradient**2).sum(), rel=1e-2)


def test_cross_entropy_by_hand():
    """Two pixels of two classes: p = (3/4, 1/4) and (1/2, 1/2), truth 0 and 1."""
    logits = np.log([[[[0.75, 0.25], [0.5, 0.5]]]]).astype("float32")
    labels = np.array([[[0, 1]]])
    assert value(losses.CrossEntropy(), labels, logits) == pytest.approx(
        (math.log(4 / 3) + math.log(2)) / 2
    )
    weighted = losses.CrossEntropy(class_weights=[2.0, 10.0])
    assert value(weighted, labels, logits) == pytest.approx(
        (2 * math.log(4 / 3) + 10 * math.log(2)) / 2
    )
    assert value(losses.Focal(gamma=1.0), labels, logits) == pytest.approx(
        (math.log(4 / 3) / 4 + math.log(2) / 2) / 2
    )


def test_overlaps_by_hand():
    """p(class 0) = 3/4, 1/2; truth 0 and 1: Dice 6/9 and 4/7, Jaccard 3/6 and 2/5."""
    logits = np.log([[[[0.75, 0.25], [0.5, 0.5]]]]).astype("float32")
    labels = np.array([[[0, 1]]])
    assert value(losses.Dice(), labels, logits) == pytest.approx(1 - (6 / 9 + 4 / 7) / 2)
    assert value(losses.Jaccard(), labels, logits) == pytest.approx(1 - (3 / 6 + 2 / 5) / 2)


def test_lovasz_by_hand():
    """Class 0: errors 1/2 (wrong pixel first: loss 1/2), then 1/4 (1/2 more); class 1 likewise."""
    logits = np.log([[[[0.75, 0.25], [0.5, 0.5]]]]).astype("float32")
    labels = np.array([[[0, 1]]])
    # Class 0 is pixel 0; pixel 1 wrong gives 1 − 1/2, then pixel 0 too gives 1.
    first = 0.5 * 0.5 + 0.25 * 0.5
    # Class 1 is pixel 1; pixel 1 wrong gives 1 − 0/1 = 1, pixel 0 adds nothing.
    second = 0.5 * 1.0
    assert value(losses.Lovasz(), labels, logits) == pytest.approx((first + second) / 2)


def test_lovasz_of_hard_predictions_is_the_jaccard_loss():
    random = np.random.default_rng(9)
    labels = random.integers(0, CLASSES, (1, 6, 6))
    predictions = random.integers(0, CLASSES, (1, 6, 6))
    sure = 200.0 * np.eye(CLASSES, dtype="float32")[predictions]
    expected = np.mean(
        [
            1
            - ((labels == c) & (predictions == c)).sum()
            / ((labels == c) | (predictions == c)).sum()
            for c in range(CLASSES)
        ]
    )
    assert value(losses.Lovasz(), labels, sure) == pytest.approx(expected, rel=1e-5)
    assert value(losses.Jaccard(), labels, sure) == pytest.approx(expected, rel=1e-5)


def test_class_weights_and_label_smoothing():
    labels, logits = problem(10)
    weights = [0.5, 2.0, 0.0, 7.0]
    loss = losses.CrossEntropy(class_weights=weights)
    expected = cross_entropy(labels, logits, class_weights=weights)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=2e-5)
    loss = losses.CrossEntropy(label_smoothing=0.1)
    expected = cross_entropy(labels, logits, smoothing=0.1)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=2e-5)


def test_focal_without_focus_is_cross_entropy():
    labels, logits = problem(11)
    plain = value(losses.CrossEntropy(), labels, logits)
    assert value(losses.Focal(gamma=0.0), labels, logits) == pytest.approx(plain, rel=1e-5)


def test_sum():
    labels, logits = problem(12)
    weights = np.random.default_rng(1).uniform(0, 2, labels.shape).astype("float32")
    loss = losses.Sum([losses.CrossEntropy(), losses.Dice()], factors=[0.5, 3.0])
    expected = 0.5 * cross_entropy(labels, logits, weights) + 3 * dice(labels, logits, weights)
    assert value(loss, labels, logits, weights) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize(
    "loss",
    [
        losses.CrossEntropy([1.0, 2.0, 3.0, 4.0], label_smoothing=0.2, ignore=9, name="ce"),
        losses.Focal(gamma=1.5),
        losses.Dice(ignore=9),
        losses.Jaccard(),
        losses.Lovasz(),
        losses.Sum([losses.Dice(ignore=9), losses.CrossEntropy([1.0] * 4)], [2.0, 0.5]),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_serialization_round_trip(loss):
    stored = json.dumps(keras.saving.serialize_keras_object(loss))
    again = keras.saving.deserialize_keras_object(json.loads(stored))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    labels, logits = problem(13)
    assert value(again, labels, logits) == value(loss, labels, logits)


def test_works_as_a_keras_loss_in_a_compiled_step():
    """The value that fit reports is the definition's, with sample weights, under XLA or not."""
    labels, logits = problem(14)
    weights = np.random.default_rng(2).uniform(0, 2, labels.shape).astype("float32")
    inputs = keras.Input((*labels.shape[1:], CLASSES))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    for jit in (False, True):
        model.compile(loss=losses.Lovasz(), jit_compile=jit)
        found = model.evaluate(logits, labels, sample_weight=weights, batch_size=2, verbose=0)
        assert found == pytest.approx(lovasz(labels, logits, weights), rel=2e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.CrossEntropy(label_smoothing=1.0), "label_smoothing must be in"),
        (lambda: losses.Focal(gamma=-1.0), "gamma must be at least 0"),
        (lambda: losses.Sum([]), "factors must be one per loss"),
        (lambda: losses.Sum([losses.Dice()], [1.0, 2.0]), "factors must be one per loss"),
        (
            lambda: losses.CrossEntropy([1.0, 2.0])(*problem()),
            "class_weights must be 4 numbers",
        ),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(zoo.InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("classes", [1, 3])
def test_class_softmax(classes):
    logits = np.random.default_rng(0).normal(size=(4, classes)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = keras.ops.convert_to_numpy(class_softmax(logits))
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
