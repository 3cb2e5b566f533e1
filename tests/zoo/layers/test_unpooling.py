import keras
import numpy as np
import pytest

from zoo.errors import InputError
from zoo.layers import (
    BedOfNailsUnpooling,
    BilinearUnpooling,
    MaxPoolWithIndices,
    MaxUnpool,
    NearestUnpooling,
)

SMALL = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)

# The hand-worked 4x4 answers for [[1, 2], [3, 4]].
KINDS = {
    "nearest": (
        NearestUnpooling(),
        [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]],
    ),
    "bed of nails": (
        BedOfNailsUnpooling(),
        [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]],
    ),
    "bilinear": (
        BilinearUnpooling(),
        [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5], [3, 3.25, 3.75, 4]],
    ),
    "bilinear aligned": (
        BilinearUnpooling(align_corners=True),
        [
            [1, 4 / 3, 5 / 3, 2],
            [5 / 3, 2, 7 / 3, 8 / 3],
            [7 / 3, 8 / 3, 3, 10 / 3],
            [3, 10 / 3, 11 / 3, 4],
        ],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_hand_worked_4x4(kind):
    layer, expected = KINDS[kind]
    np.testing.assert_allclose(np.array(layer(SMALL))[0, :, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_sizes_and_other_factors(kind):
    made = KINDS[kind][0].get_config() | {"factor": 3}
    layer = type(KINDS[kind][0]).from_config(made)
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 2)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 2)).astype("float32")
    prediction = model.predict(x, verbose=0)
    assert prediction.shape == (2, 9, 15, 2)
    np.testing.assert_allclose(prediction, np.array(layer(x)), atol=1e-6)
    if kind in ("nearest", "bed of nails"):
        np.testing.assert_array_equal(prediction[:, ::3, ::3], x)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient(kind, gradient_error):
    x = np.random.default_rng(1).normal(size=(2, 3, 2, 2))
    layer = type(KINDS[kind][0]).from_config(KINDS[kind][0].get_config() | {"dtype": "float64"})
    assert gradient_error(layer, x) < 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_litert(kind, litert):
    layer = KINDS[kind][0]
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(2).normal(size=(1, 5, 3, 3)).astype("float32")
    np.testing.assert_allclose(litert(model, x)[0], model.predict(x, verbose=0), atol=1e-5)


def test_max_unpool_writes_the_value_at_its_own_place_only():
    x = np.array([[5, 1, 0, 0], [2, 3, 0, 7], [1, 2, 4, 4], [8, 3, 4, 4]], "float32")
    pooled, switches = MaxPoolWithIndices()(x.reshape(1, 4, 4, 1))
    np.testing.assert_array_equal(np.array(pooled)[0, :, :, 0], [[5, 7], [8, 4]])
    # Row-major places in each window; of the four equal values the first wins.
    np.testing.assert_array_equal(np.array(switches)[0, :, :, 0], [[0, 3], [2, 0]])
    back = MaxUnpool()([pooled, switches])
    expected = [[5, 0, 0, 0], [0, 0, 0, 7], [0, 0, 4, 0], [8, 0, 0, 0]]
    np.testing.assert_array_equal(np.array(back)[0, :, :, 0], expected)
    other = MaxUnpool()([SMALL, switches])
    expected = [[1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 4, 0], [3, 0, 0, 0]]
    np.testing.assert_array_equal(np.array(other)[0, :, :, 0], expected)


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (7, 4), (1, 1), (9, 3)])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("known", [True, False])
def test_max_pool_and_unpool_agree_with_a_loop(size, k, known):
    x = np.random.default_rng(3).integers(-3, 3, size=(2, *size, 2)).astype("float32")
    inputs = keras.Input((*(size if known else (None, None)), 2))
    pooled, switches = MaxPoolWithIndices(k)(inputs)
    model = keras.Model(inputs, [pooled, switches, MaxUnpool(k)([pooled, switches, inputs])])
    pooled, switches, back = model.predict(x, verbose=0)
    expected = np.zeros_like(x)
    for n, row, column, c in np.ndindex(pooled.shape):
        window = x[n, row * k : row * k + k, column * k : column * k + k, c]
        place = np.unravel_index(window.argmax(), window.shape)
        assert pooled[n, row, column, c] == window.max()
        assert switches[n, row, column, c] == place[0] * k + place[1]
        expected[n, row * k + place[0], column * k + place[1], c] = window.max()
    np.testing.assert_array_equal(back, expected)


def test_segnet_sizes_come_back():
    x = keras.Input((360, 480, 1))
    maps, kept = x, []
    for _ in range(5):
        pooled, switches = MaxPoolWithIndices()(maps)
        kept.append((switches, maps))
        maps = pooled
    sizes = []
    for switches, reference in reversed(kept):
        maps = MaxUnpool()([maps, switches, reference])
        sizes.append(maps.shape[1:3])
    assert sizes == [(23, 30), (45, 60), (90, 120), (180, 240), (360, 480)]


def test_max_unpool_gradient_reaches_only_the_recorded_place(gradient_error):
    x = np.random.default_rng(4).normal(size=(1, 5, 4, 2))

    def there_and_back(values):
        pooled, switches = MaxPoolWithIndices(dtype="float64")(values)
        return MaxUnpool(dtype="float64")([pooled, switches, values])

    assert gradient_error(there_and_back, x) < 1e-8


def test_tied_maxima_share_nothing():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    x = tf.ones((1, 2, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(MaxPoolWithIndices()(x)[0])
    np.testing.assert_array_equal(tape.gradient(total, x).numpy().ravel(), [1, 0, 0, 0])


def test_half_precision_and_saving(tmp_path):
    inputs = keras.Input((None, None, 2), dtype="float16")
    pooled, switches = MaxPoolWithIndices(dtype="mixed_float16")(inputs)
    back = MaxUnpool(dtype="mixed_float16")([pooled, switches, inputs])
    model = keras.Model(inputs, [back, switches])
    x = np.random.default_rng(5).normal(size=(1, 5, 7, 2)).astype("float16")
    before = model.predict(x, verbose=0)
    assert before[0].dtype == np.float16 and before[1].dtype == np.int32
    model.save(tmp_path / "pool.keras")
    after = keras.saving.load_model(tmp_path / "pool.keras").predict(x, verbose=0)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("side", [None, 6])
def test_max_unpool_litert(side, litert):
    inputs = keras.Input((side, side, 3))
    pooled, switches = MaxPoolWithIndices()(inputs)
    model = keras.Model(inputs, MaxUnpool()([pooled, switches, inputs]))
    size = (6, 6) if side else (5, 7)
    x = np.random.default_rng(6).normal(size=(1, *size, 3)).astype("float32")
    np.testing.assert_array_equal(litert(model, x)[0], model.predict(x, verbose=0))


def test_max_unpool_litert_with_eight_bits(litert):
    inputs = keras.Input((6, 6, 2))
    pooled, switches = MaxPoolWithIndices(3)(inputs)
    model = keras.Model(inputs, MaxUnpool(3)([pooled, switches]))
    x = np.random.default_rng(7).normal(size=(8, 1, 6, 6, 2)).astype("float32")
    expected = model.predict(x[0], verbose=0)
    prediction = litert(model, x[0], quantize_with=x)[0]
    np.testing.assert_array_equal(np.abs(prediction) > 0.1, np.abs(expected) > 0.1)
    np.testing.assert_allclose(prediction, expected, atol=0.05)


def test_errors_say_what_would_be_right():
    with pytest.raises(InputError, match="factor must be a whole number of at least 1"):
        NearestUnpooling(0)
    with pytest.raises(InputError, match=r"the shape must be \(N, H, W, C\)"):
        NearestUnpooling()(keras.Input((4, 3)))
    maps, switches = keras.Input((4, 4, 2)), keras.Input((4, 4, 2), dtype="int32")
    with pytest.raises(InputError, match="cannot be unpooled by 2 to 10×8"):
        MaxUnpool(output_size=(10, 8))([maps, switches])
    with pytest.raises(InputError, match="must have one shape"):
        MaxUnpool()([maps, keras.Input((4, 3, 2), dtype="int32")])
