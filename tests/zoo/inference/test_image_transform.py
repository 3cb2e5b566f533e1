"""The transform from images to the model input size, and back."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.inference.image_transform import ImageTransform, letterbox_size, transform_images
from zoo.inference.prediction import _with_margin
from zoo.layers.resample import mirror, pad_bottom_right, resize_antialiased
from zoo.valid_sizes import ValidSizes


def make_image(height, width, channels=3, seed=0):
    shape = (1, height, width, channels)
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def traced(function, *arguments):
    """The function's result inside a TensorFlow graph where sizes are unknown."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("graphs of unknown sizes are TensorFlow's")
    signature = [tf.TensorSpec([None] * np.ndim(a), np.asarray(a).dtype) for a in arguments]
    return tf.function(function, input_signature=signature)(*arguments)


@pytest.mark.parametrize(
    ("size", "input_size", "expected"),
    [
        ((100, 50), (64, 64), (64, 32)),
        ((50, 100), (64, 64), (32, 64)),
        ((64, 64), (64, 64), (64, 64)),
        ((300, 400), (256, 512), (256, 341)),
        ((1, 1000), (64, 64), (1, 64)),
        # 5 × 10 / 20 = 2.5 and 7 × 10 / 20 = 3.5: ties go to the even number.
        ((20, 5), (10, 10), (10, 2)),
        ((20, 7), (10, 10), (10, 4)),
    ],
)
def test_letterbox_size(size, input_size, expected):
    assert letterbox_size(*size, input_size) == expected
    found = traced(
        lambda height, width: letterbox_size(height, width, input_size),
        np.int32(size[0]),
        np.int32(size[1]),
    )
    assert [int(side) for side in found] == list(expected)


def test_letterbox_size_keeps_proportions_and_touches_the_input_size():
    random = np.random.default_rng(0)
    for _ in range(300):
        height, width, *input_size = (int(n) for n in random.integers(1, 3000, 4))
        high, wide = letterbox_size(height, width, tuple(input_size))
        assert high == input_size[0] or wide == input_size[1]
        assert 1 <= high <= input_size[0] and 1 <= wide <= input_size[1]
        scale = min(input_size[0] / height, input_size[1] / width)
        assert abs(high - max(1, height * scale)) <= 0.5 + 1e-9
        assert abs(wide - max(1, width * scale)) <= 0.5 + 1e-9


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_transform_scales_and_pads_at_the_bottom_and_right(resize):
    image = np.full((2, 40, 80, 3), 200, "uint8")
    inputs, transform = transform_images(image, (48, 48), resize)
    high, wide = (24, 48) if resize == "letterbox" else (48, 48)
    assert inputs.shape == (2, 48, 48, 3)
    assert (transform.height, transform.width) == (40, 80)
    assert (transform.resized_height, transform.resized_width) == (high, wide)
    inputs = ops.convert_to_numpy(inputs)
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs[:, :high, :wide], 200, atol=1e-3)
    assert np.all(inputs[:, high:] == 0) and np.all(inputs[:, :, wide:] == 0)


@pytest.mark.parametrize("arguments", [(None, "letterbox"), ((64, 64), "native")])
def test_transform_can_leave_the_image_unchanged(arguments):
    image = make_image(17, 23)
    inputs, transform = transform_images(image, *arguments)
    np.testing.assert_array_equal(inputs, image)
    np.testing.assert_array_equal(transform.restore_map(inputs), image)


def test_an_unknown_resize_rule_is_refused():
    with pytest.raises(zoo.InputError, match=r"resize must be 'letterbox', .*'crop'"):
        transform_images(make_image(4, 4), (8, 8), "crop")


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "native"])
@pytest.mark.parametrize("size", [(30, 50), (51, 20), (33, 33), (9, 200)])
def test_a_smooth_map_comes_back(size, resize):
    """A ramp, transformed and restored, is the same ramp except at the very border."""
    rows, columns = np.meshgrid(*(np.arange(n) / n for n in size), indexing="ij")
    ramp = np.stack([rows, columns], -1)[None].astype("float32") * 100
    inputs, transform = transform_images(ramp, (64, 96), resize)
    back = ops.convert_to_numpy(transform.restore_map(inputs))
    assert back.shape == ramp.shape
    coarse = max(1, size[0] / int(transform.resized_height), size[1] / int(transform.resized_width))
    assert np.abs(back - ramp).max() <= 100 * coarse / min(size)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    if coarse == 1 and min(size) > 20:
        np.testing.assert_allclose(back[inner], ramp[inner], atol=0.2)


def test_boxes_and_points_come_back_exactly():
    transform = ImageTransform(height=60, width=90, resized_height=40, resized_width=30)
    inputs = np.array([[3.0, 10.0, 15.0, 40.0], [-5.0, -5.0, 500.0, 500.0]], "float32")
    boxes = ops.convert_to_numpy(transform.restore_boxes(inputs))
    # x by 90/30, y by 60/40; what lies outside is cut at the image's border.
    np.testing.assert_allclose(boxes, [[9, 15, 45, 60], [0, 0, 90, 60]], rtol=1e-6)
    points = ops.convert_to_numpy(transform.restore_points(inputs[:, :2]))
    np.testing.assert_allclose(points, [[9, 15], [-15, -7.5]], rtol=1e-6)


SIZES = [
    ((8, 8), (8, 8)),
    ((7, 11), (21, 13)),
    ((40, 30), (13, 7)),
    ((33, 17), (5, 40)),
    ((1, 9), (4, 4)),
    ((9, 1), (1, 1)),
    ((128, 101), (64, 50)),
]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_portable_resize_equals_tensorflows_own(old, new):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares with TensorFlow's operator")
    image = np.concatenate([make_image(*old), make_image(*old, seed=1)])
    own = ops.convert_to_numpy(resize_antialiased(image, *new))
    portable = ops.convert_to_numpy(resize_antialiased(image, *new, portable=True))
    assert own.shape == portable.shape == (2, *new, 3)
    np.testing.assert_allclose(portable, own, atol=2e-3)
    unknown = traced(
        lambda x, height, width: resize_antialiased(x, height, width, portable=True),
        image,
        *map(np.int32, new),
    )
    np.testing.assert_allclose(unknown, portable, atol=1e-3)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_resize_is_the_triangle_filter(old, new):
    """Against its definition: every source pixel weighted by its distance, in float64."""
    image = make_image(*old, channels=1)
    found = ops.convert_to_numpy(resize_antialiased(image, *new, portable=True))[0, ..., 0]

    def filtered(line, count):
        scale = len(line) / count
        values = []
        for i in range(count):
            center = (i + 0.5) * scale
            weights = [max(0, 1 - abs(j + 0.5 - center) / max(1, scale)) for j in range(len(line))]
            values.append(np.dot(weights, line) / sum(weights))
        return values

    expected = np.apply_along_axis(filtered, 0, image[0, ..., 0].astype("float64"), new[0])
    expected = np.apply_along_axis(filtered, 1, expected, new[1])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_pad_bottom_right():
    padded = ops.convert_to_numpy(pad_bottom_right(make_image(3, 4), 5, 4))
    assert padded.shape == (1, 5, 4, 3)
    np.testing.assert_array_equal(padded[:, :3], make_image(3, 4))
    assert np.all(padded[:, 3:] == 0)


@pytest.mark.parametrize("size", [(5, 7), (2, 3), (1, 4), (1, 1)])
def test_mirror_equals_numpys_reflection(size):
    image = make_image(*size)
    before, height, width = 9, 9 + size[0] + 12, 9 + size[1] + 5
    found = ops.convert_to_numpy(mirror(image, before, height, width))
    padding = [(0, 0), (9, 12), (9, 5), (0, 0)]
    np.testing.assert_array_equal(found, np.pad(image, padding, mode="reflect"))
    np.testing.assert_array_equal(traced(lambda x: mirror(x, before, height, width), image), found)


@pytest.mark.parametrize("side", [1, 4, 5, 20, 21, 100, 388, 389])
def test_margin_covers_the_whole_image(side):
    """The output of valid convolutions has at least `side` pixels, and the fewest possible."""
    sizes = ValidSizes(base=188, step=16, margin=92)
    needed = sizes.covering(side)
    assert sizes.legal(needed) and needed - 2 * sizes.margin >= side
    assert needed == sizes.base or needed - sizes.step - 2 * sizes.margin < side
    inputs = _with_margin(make_image(side, 3), sizes)
    assert inputs.shape == (1, needed, sizes.covering(3), 3)
    inside = inputs[:, sizes.margin : sizes.margin + side, sizes.margin : sizes.margin + 3]
    np.testing.assert_array_equal(inside, make_image(side, 3))
    assert int(traced(sizes.covering, np.int32(side))) == needed


def test_shrinking_does_not_shift_and_does_not_alias():
    """A bar in the middle stays in the middle; a fine chequerboard turns grey."""
    image = np.zeros((1, 90, 90, 1), "float32")
    image[:, :, 40:50] = 255
    small = ops.convert_to_numpy(resize_antialiased(image, 30, 30, portable=True))[0, 15, :, 0]
    center = np.sum(small * (np.arange(30) + 0.5)) / small.sum()
    assert math.isclose(center, 15, abs_tol=1e-3)
    board = 255.0 * (np.indices((64, 64)).sum(0) % 2)[None, ..., None].astype("float32")
    grey = ops.convert_to_numpy(resize_antialiased(board, 16, 16, portable=True))
    np.testing.assert_allclose(grey[:, 1:-1, 1:-1], 127.5, atol=0.5)
