import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.errors import InputError
from zoo.layers.roi_align import pyramid_levels, roi_align


def value_at(cells, y, x):
    """One sample by the published rule."""
    height, width = cells.shape[:2]
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(cells.shape[2])
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, over = y - top, x - left
    upper = cells[top, left] * (1 - over) + cells[top, right] * over
    lower = cells[bottom, left] * (1 - over) + cells[bottom, right] * over
    return upper * (1 - down) + lower * down


def one_region(cells, box, size, ratio, aligned, stride):
    """One box in float64, sample by sample."""
    x1, y1, x2, y2 = np.float64(box) / stride - (0.5 if aligned else 0)
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = max(width, 1), max(height, 1)
    prediction = np.zeros((*size, cells.shape[2]))
    for i, j, a, b in np.ndindex(*size, ratio, ratio):
        y = y1 + (i + (a + 0.5) / ratio) * height / size[0]
        x = x1 + (j + (b + 0.5) / ratio) * width / size[1]
        prediction[i, j] += value_at(cells, y, x) / ratio**2
    return prediction


def level_of(box, lowest, highest):
    side = np.sqrt(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))
    level = np.floor(4 + np.log2(max(side, 1e-9) / 224) + 1e-6)
    return int(np.clip(level, lowest, highest))


BOXES = np.float32(
    [
        [10, 20, 90, 100],
        [0, 0, 128, 96],
        [-40, -30, 50, 20],
        [100, 80, 300, 200],
        [500, 500, 600, 600],
        [0, 0, 0, 0],
        [33.3, 44.4, 33.3, 44.4],
        [60, 60, 20, 10],
        [-1e17, -1e17, 1e17, 1e17],
        [17.1, 3.7, 29.9, 91.2],
        [127, 95, 128, 96],
        [3, 3, 3.5, 90],
    ]
)


def maps_of(levels, batch=2, canvas=(96, 128), channels=3):
    rng = np.random.default_rng(0)
    return {
        k: rng.normal(size=(batch, canvas[0] // 2**k, canvas[1] // 2**k, channels)) for k in levels
    }


def single(maps):
    return {k: v.astype("float32") for k, v in maps.items()}


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("size, ratio", [((3, 3), 2), ((2, 5), 1), ((7, 7), 3)])
def test_one_map(size, ratio, aligned):
    maps = maps_of([3])[3]
    boxes = np.stack([BOXES, BOXES[::-1]])
    expected = [
        [one_region(maps[i], box, size, ratio, aligned, 8) for box in boxes[i]] for i in range(2)
    ]
    prediction = roi_align(maps.astype("float32"), boxes, size, ratio, aligned, strides=8)
    np.testing.assert_allclose(to_array(prediction), expected, atol=1e-5)


@pytest.mark.parametrize("aligned", [True, False])
def test_each_box_on_its_level(aligned):
    maps = maps_of([2, 3, 4, 5], canvas=(512, 640))
    rng = np.random.default_rng(1)
    center, side = rng.uniform(0, 600, (2, 60, 2)), np.exp(rng.uniform(1, 6.5, (2, 60, 2)))
    boxes = np.float32(np.concatenate([center - side / 2, center + side / 2], axis=-1))
    boxes[0, 0], boxes[1, 0] = 0, [0, 0, 640, 512]
    expected, used = np.empty((2, 60, 4, 4, 3)), set()
    for i, r in np.ndindex(2, 60):
        level = level_of(boxes[i, r], 2, 5)
        used.add(level)
        expected[i, r] = one_region(maps[level][i], boxes[i, r], (4, 4), 2, aligned, 2**level)
    assert used == {2, 3, 4, 5}
    prediction = to_array(roi_align(single(maps), boxes, 4, aligned=aligned))
    np.testing.assert_allclose(prediction, expected, atol=1e-4)


def test_levels_at_their_borders():
    sides = [1, 55, 56, 111.9, 112, 223.9, 224, 447.9, 448, 1000, 5000, 0]
    boxes = np.float32([[7, 3, 7 + side, 3 + side] for side in sides])
    levels = to_array(pyramid_levels(boxes, 2, 5))
    np.testing.assert_array_equal(levels, [2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 2])
    np.testing.assert_array_equal(to_array(pyramid_levels(boxes, 2, 3)), np.minimum(levels, 3))
    oblong = np.float32([[0, 0, 448, 112], [0, 0, 448, 111]])
    np.testing.assert_array_equal(to_array(pyramid_levels(oblong, 2, 5)), [4, 3])


def test_strides_of_ones_own():
    maps = maps_of([2, 3])
    boxes = np.float32([[[0, 0, 20, 20], [0, 0, 60, 60]]] * 2)
    prediction = to_array(
        roi_align(
            single(maps), boxes, 2, strides={2: 3, 3: 7}, canonical_size=50, canonical_level=3
        )
    )
    for r, (level, stride) in enumerate(((2, 3), (3, 7))):
        expected = one_region(maps[level][0], boxes[0, r], (2, 2), 2, True, stride)
        np.testing.assert_allclose(prediction[0, r], expected, atol=1e-5)


def test_nan_counts_as_the_empty_box():
    maps = single(maps_of([3]))[3]
    boxes = np.float32([[[np.nan, 0, 10, 10], [0, 0, np.inf, 10], [0, 0, 0, 0]]] * 2)
    prediction = to_array(roi_align(maps, boxes, 2, strides=8))
    np.testing.assert_array_equal(prediction[:, 0], prediction[:, 2])
    np.testing.assert_array_equal(prediction[:, 1], prediction[:, 2])
    assert np.isfinite(prediction).all()


SMALL = np.array([[[10.3, 12.1, 101.7, 90.9], [31.2, 8.8, 65.6, 40.3], [-30, -9, 20.2, 33.4]]])


def test_gradients(gradient_error):
    maps = maps_of([3, 4], batch=1, canvas=(32, 48), channels=1)

    def by_maps(x):
        return roi_align({3: x, 4: maps[4]}, SMALL, 2, canonical_size=64)

    assert gradient_error(by_maps, maps[3]) < 1e-6

    def by_boxes(x):
        return roi_align(maps, x, 2, canonical_size=64, box_gradient=True)

    assert gradient_error(by_boxes, SMALL, 1e-5) < 1e-6


def test_no_gradient_to_boxes_unless_wanted():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow")
    boxes = tf.constant(SMALL)
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        prediction = roi_align(maps_of([3], batch=1)[3], boxes, 2, strides=8)
    assert tape.gradient(prediction, boxes) is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    maps = {k: keras.ops.cast(v, dtype) for k, v in single(maps_of([2, 3])).items()}
    boxes = np.stack([BOXES, BOXES])
    half = roi_align(maps, boxes, 3, canonical_size=32)
    assert keras.backend.standardize_dtype(half.dtype) == dtype
    full = {k: keras.ops.cast(v, "float32") for k, v in maps.items()}
    expected = to_array(roi_align(full, boxes, 3, canonical_size=32))
    close = 2e-3 if dtype == "float16" else 1.6e-2
    np.testing.assert_allclose(
        to_array(keras.ops.cast(half, "float32")), expected, atol=close, rtol=close
    )


def test_litert(litert):
    maps, boxes = single(maps_of([2, 3], batch=1)), BOXES[None]
    inputs = [
        keras.Input(x.shape[1:], name=name)
        for x, name in ((maps[2], "a"), (maps[3], "b"), (boxes, "c"))
    ]
    cut = keras.layers.Lambda(lambda x: roi_align({2: x[0], 3: x[1]}, x[2], 3, canonical_size=32))
    model = keras.Model(inputs, cut(inputs))
    expected = to_array(roi_align(maps, boxes, 3, canonical_size=32))
    prediction = litert(model, maps[2], maps[3], boxes)[0]
    np.testing.assert_allclose(prediction, expected, atol=1e-5)


def test_what_it_cannot_take():
    maps, boxes = maps_of([2, 3, 4]), BOXES[None]
    for arguments in (
        {"features": maps[2]},
        {"features": {2: maps[2], 4: maps[4]}},
        {"features": {}},
        {"features": maps, "strides": 4},
        {"features": maps, "strides": {2: 4}},
        {"features": maps, "sampling_ratio": 0},
        {"features": maps, "size": 0},
    ):
        with pytest.raises(InputError):
            roi_align(**{"boxes": boxes, "size": 2, **arguments})
