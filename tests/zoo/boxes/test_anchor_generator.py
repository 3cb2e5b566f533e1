import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.boxes import AnchorGenerator, inside
from zoo.errors import InputError


def test_the_papers_anchors():
    """Both published ways to count the first one, and the sides of all nine."""
    cell = AnchorGenerator({4: (128, 256, 512)}, convention="base16").cells[4]
    np.testing.assert_array_equal(cell[0] + [1, 1, 0, 0], [-83, -39, 100, 56])
    np.testing.assert_array_equal(cell[0] - [0, 0, 1, 1], [-84, -40, 99, 55])
    sides = cell[:, 2:] - cell[:, :2]
    expected = [(23 * s, 12 * s) for s in (8, 16, 32)]
    expected += [(16 * s, 16 * s) for s in (8, 16, 32)]
    expected += [(11 * s, 22 * s) for s in (8, 16, 32)]
    np.testing.assert_array_equal(sides, expected)
    np.testing.assert_array_equal((cell[:, 2:] + cell[:, :2]) / 2, 8)


def test_public_pyramid_anchors():
    generator = AnchorGenerator({2: (32,), 6: (512,)})
    # 32/√½ = 45.25 and 32·√½ = 22.63; halves 22.6 and 11.3 round to 23 and 11.
    expected = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    np.testing.assert_array_equal(generator.cells[2], expected)
    exact = AnchorGenerator({2: (32,)}, convention="exact").cells[2]
    sides = exact[:, 2:] - exact[:, :2]
    np.testing.assert_allclose(sides.prod(axis=1), 1024, rtol=1e-6)
    np.testing.assert_allclose(sides[:, 1] / sides[:, 0], [0.5, 1, 2], rtol=1e-6)


@pytest.mark.parametrize("stride", [None, (7, 5)])
def test_order_of_rows_columns_ratios_and_sizes(stride):
    generator = AnchorGenerator({3: (16, 24)}, (0.5, 2.0))
    anchors = to_array(generator(3, 2, 3, stride))
    assert anchors.shape == (2 * 3 * generator.per_cell(3), 4)
    down, across = stride or (8, 8)
    expected = []
    for row in range(2):
        for column in range(3):
            for ratio in (0.5, 2.0):
                for size in (16, 24):
                    half_w, half_h = size / ratio**0.5 / 2, size * ratio**0.5 / 2
                    half_w, half_h = round(half_w), round(half_h)
                    x, y = column * across, row * down
                    expected.append([x - half_w, y - half_h, x + half_w, y + half_h])
    np.testing.assert_array_equal(anchors, expected)


def test_shapes_of_densecap_stand_on_cell_centers():
    shapes = [(45, 90), (90, 45), (64, 64)]
    anchors = to_array(AnchorGenerator(shapes={4: shapes})(4, 1, 2))
    np.testing.assert_array_equal(anchors[:, 2:] - anchors[:, :2], shapes * 2)
    centers = (anchors[:, 2:] + anchors[:, :2]) / 2
    np.testing.assert_array_equal(centers, [[8, 8]] * 3 + [[24, 8]] * 3)


def test_a_map_of_unknown_size():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has unknown sizes")
    generator = AnchorGenerator({2: (32,)})

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3])])
    def anchors(maps):
        return generator(2, *keras.ops.shape(maps)[1:3])

    for height, width in ((3, 5), (4, 1)):
        expected = to_array(generator(2, height, width))
        np.testing.assert_array_equal(anchors(tf.zeros([1, height, width, 3])), expected)


def test_inside_the_image():
    boxes = np.float32([[0, 0, 10, 20], [-1, 0, 5, 5], [0, 0, 11, 5], [3, 3, 4, 21]])
    np.testing.assert_array_equal(to_array(inside(boxes, 20, 10)), [True, False, False, False])
    two = to_array(inside(boxes, np.float32([[20], [30]]), np.float32([[10], [11]])))
    np.testing.assert_array_equal(two, [[1, 0, 0, 0], [1, 0, 1, 1]])


def test_the_papers_count_of_anchors_inside():
    """About 6,000 of about 20,000 anchors of a 600×1000 image cross no border."""
    generator = AnchorGenerator({4: (128, 256, 512)}, convention="base16")
    anchors = generator(4, 38, 63)
    assert 20000 < anchors.shape[0] < 22000
    assert 5500 < to_array(inside(anchors, 600, 1000)).sum() < 8500


@pytest.mark.parametrize(
    "arguments",
    [
        {"sizes": {2: (0,)}},
        {"sizes": {2: ()}},
        {"sizes": {}},
        {"sizes": {2: (8,)}, "ratios": ()},
        {"sizes": {2: (8,)}, "ratios": (-1,)},
        {"sizes": {2: (8,)}, "convention": "other"},
        {"sizes": {2: (8,)}, "shapes": {2: ((1, 1),)}},
        {},
    ],
)
def test_impossible_anchors(arguments):
    with pytest.raises(InputError):
        AnchorGenerator(**arguments)


def test_an_unknown_level():
    with pytest.raises(InputError, match="not 3"):
        AnchorGenerator({2: (8,)})(3, 1, 1)
