"""Rasterized polygons and run lengths equal those of pycocotools."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.sources.objects.mask_rasterization import (
    in_fifths,
    polygon_masks,
    run_masks,
    sampled_pixels,
)
from training.data.sources.objects.run_lengths import compress, decompress, read_rle, run_lengths


def drawn(polygons, height, width, owners=None, objects=1):
    """Returns (N, H, W) masks of whole images."""
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in polygons])
    sizes = tf.constant([len(polygon) // 2 for polygon in polygons], tf.int32)
    owners = tf.constant(owners or [0] * len(polygons), tf.int32)
    rows = tf.tile(tf.range(height)[None], [objects, 1])
    columns = tf.tile(tf.range(width)[None], [objects, 1])
    grid = (rows, columns, tf.constant(height))
    return polygon_masks(tf.constant(in_fifths(points)), sizes, owners, *grid).numpy()


def rectangle(x0, y0, x1, y1):
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def test_a_pixel_is_inside_if_its_center_is():
    mask = drawn([rectangle(1.4, 0.6, 4.6, 2.4)], 4, 6)[0]
    expected = np.zeros((4, 6))
    expected[1:2, 1:5] = 1
    np.testing.assert_array_equal(mask, expected)


def test_an_object_is_the_union_of_its_polygons_and_objects_are_apart():
    polygons = [rectangle(0, 0, 2, 2), rectangle(5, 5, 6, 6), rectangle(1, 1, 3, 3)]
    masks = drawn(polygons, 6, 6, owners=[0, 2, 0], objects=4)
    union = np.zeros((6, 6))
    union[:2, :2] = union[1:3, 1:3] = 1
    np.testing.assert_array_equal(masks[0], union)
    assert masks[2].sum() == 1 and masks[2, 5, 5] == 1
    assert masks[1].sum() == masks[3].sum() == 0


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_pixel_as_in_pycocotools(data):
    api = pytest.importorskip("pycocotools.mask")
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    # Tenths are ties of rounding to fifths; outlines leave the image and intersect.
    coordinate = st.integers(-100, 500).map(lambda n: n / 10) | st.floats(-10, 50)
    sizes = data.draw(st.lists(st.integers(3, 8), min_size=1, max_size=3))
    polygons = [
        data.draw(st.lists(coordinate, min_size=2 * size, max_size=2 * size)) for size in sizes
    ]
    expected = api.decode(api.merge(api.frPyObjects(polygons, height, width)))
    np.testing.assert_array_equal(drawn(polygons, height, width)[0], expected)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20), st.floats(0, 1))
def test_run_lengths_as_in_pycocotools_and_back(seed, height, width, fraction):
    api = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(seed)
    masks = [(random.random((height, width)) < fraction).astype(np.uint8) for _ in range(3)]
    all_runs = [run_lengths(mask) for mask in masks]
    for mask, runs in zip(masks, all_runs, strict=True):
        text = compress(runs)
        assert text == api.encode(np.asfortranarray(mask))["counts"].decode()
        assert decompress(text) == runs
        for counts in (text, runs):
            stored = {"size": [height, width], "counts": counts}
            assert list(read_rle(stored, height, width)) == runs
    rows = tf.tile(tf.range(height)[None], [3, 1])
    columns = tf.tile(tf.range(width)[None], [3, 1])
    sizes, owners = [len(runs) for runs in all_runs], [2, 0, 1]
    flat = tf.constant(np.concatenate(all_runs), tf.int32)
    got = run_masks(flat, tf.constant(sizes), tf.constant(owners), rows, columns, height, width)
    for owner, mask in zip(owners, masks, strict=True):
        np.testing.assert_array_equal(got[owner], mask)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"size": [4, 3], "counts": [12]}, "size"),
        ({"size": [3, 4], "counts": [11]}, "add up to 11, not to the 3×4"),
        ({"size": [3, 4], "counts": [13, -1]}, "at least 0"),
        ({"size": [3, 4], "counts": [6.0, 6]}, "whole numbers"),
        ({"size": [3, 4], "counts": "~"}, "not a compressed mask"),
        ({"size": [3, 4], "counts": "P"}, "truncated"),
        ({"size": [3, 4], "counts": "o" * 40}, "not a compressed mask"),
        ({"size": [3, 4]}, "whole numbers"),
    ],
)
def test_invalid_run_lengths(value, words):
    with pytest.raises(ValueError, match=words):
        read_rle(value, 3, 4)


def test_cells_of_a_box_sample_the_pixel_under_their_centers():
    boxes = tf.constant([[1.0, 0.0, 5.0, 2.0], [2.5, 1.5, 3.5, 2.5], [0.0, 0.0, 0.0, 0.0]])
    rows, columns = sampled_pixels(boxes, 4, tf.constant(3), tf.constant(4))
    np.testing.assert_array_equal(columns, [[1, 2, 3, 3], [2, 2, 3, 3], [0, 0, 0, 0]])
    np.testing.assert_array_equal(rows, [[0, 0, 1, 1], [1, 1, 2, 2], [0, 0, 0, 0]])


def test_nothing_to_draw():
    none, no_points = tf.zeros((0,), tf.int32), tf.zeros((0, 2), tf.int32)
    for objects in (0, 2):
        cells = tf.zeros((objects, 3), tf.int32)
        assert not polygon_masks(no_points, none, none, cells, cells, tf.constant(4)).numpy().any()
        masks = run_masks(none, none, none, cells, cells, tf.constant(4), tf.constant(4))
        assert masks.shape == (objects, 3, 3) and not masks.numpy().any()
