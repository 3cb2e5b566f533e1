"""Masks become polygons that cover exactly their pixels, also with holes and several parts."""

import numpy as np
import pytest
from scipy import ndimage

from training.data.writing.drawn_maps import class_map, instance_map, voc_palette
from training.data.writing.labeled_image import LabeledObject
from training.data.writing.object_outlines import (
    area_of,
    background_of,
    decode,
    encode,
    encode_window,
    joined,
    objects_of_map,
    rings_of,
    rle_of,
    simplified,
    trace,
    with_outline,
)


def random_mask(random, smooth):
    noise = random.random(random.integers(3, 40, 2))
    return (
        ndimage.gaussian_filter(noise, 1.5) > 0.5 if smooth else noise < random.choice([0.2, 0.8])
    )


def drawn(polygons, mask):
    return decode(rle_of(LabeledObject(0, np.zeros(4), polygons=polygons), *mask.shape))


@pytest.mark.parametrize("smooth", [False, True])
def test_joined_rings_cover_exactly_the_mask(smooth):
    random = np.random.default_rng(smooth)
    holes = parts = 0
    for _ in range(60):
        mask = random_mask(random, smooth)
        if not mask.any():
            continue
        rings = trace(mask)
        holes += any(len(part) > 1 for part in rings)
        parts += len(rings) > 1
        assert (drawn([joined([ring for part in rings for ring in part])], mask) == mask).all()
    assert holes > 3 and parts > 3


def test_a_window_encodes_as_the_whole_image():
    random = np.random.default_rng(2)
    for _ in range(60):
        window = random.random(random.integers(1, 8, 2)) < random.choice([0.0, 0.5, 1.0])
        top, left, below, right = random.integers(0, 4, 4)
        mask = np.pad(window, ((top, below), (left, right)))
        assert (decode(encode_window(window, top, left, *mask.shape)) == mask).all()


def test_overlapping_polygons_are_traced_as_their_union():
    square = np.array([[2.0, 2], [12, 2], [12, 12], [2, 12]])
    item = LabeledObject(0, np.zeros(4), polygons=[square, square + 5])
    assert area_of(item, 20, 20) == 175
    (part,) = rings_of(item, 20, 20)
    assert drawn([joined(part)], np.zeros((20, 20))).sum() == 175
    apart = LabeledObject(0, np.zeros(4), polygons=[square, square + np.array([20, 0])])
    assert [part[0].tolist() for part in rings_of(apart, 20, 40)] == [
        square.tolist(),
        (square + np.array([20, 0])).tolist(),
    ]


def test_polygons_far_outside_the_image_are_cut_where_they_leave_it():
    triangle = np.array([[-20.0, 0], [20, 0], [20, 40]])
    item = LabeledObject(0, np.zeros(4), polygons=[triangle])
    (part,) = rings_of(item, 40, 20)
    assert np.min(part) >= 0
    assert drawn([joined(part)], np.zeros((40, 20))).sum() == area_of(item, 40, 20)


def test_simplified_rings_stay_close_and_have_few_vertices():
    y, x = np.indices((200, 200))
    disc = (x - 100) ** 2 + (y - 90) ** 2 < 80**2
    ((ring,),) = trace(disc)
    fewer = simplified(ring, 0.5)
    assert len(fewer) < len(ring) / 2
    overlap = drawn([fewer], disc)
    assert (overlap & disc).sum() / (overlap | disc).sum() > 0.99
    tiny = with_outline(LabeledObject(0, np.zeros(4)), np.pad(np.ones((3, 4), bool), 4))
    assert drawn(tiny.polygons, np.zeros((11, 12))).sum() == 12


def test_a_mask_with_a_hole_stays_a_mask():
    mask = np.pad(np.ones((9, 9), bool), 2)
    mask[5:8, 5:8] = False
    item = with_outline(LabeledObject(0, np.zeros(4)), mask)
    assert not item.polygons and (decode(item.rle) == mask).all()


@pytest.mark.parametrize(
    ("names", "background", "labels"),
    [(("background", "a", "b"), 0, [0, 1, 1]), (("sky", "a", "b"), None, [0, 1, 2, 2])],
)
def test_regions_of_a_class_map_are_objects(names, background, labels):
    classes = np.zeros((12, 16), np.int32)
    classes[1:4, 1:5], classes[6:9, 1:5], classes[6:9, 8:12] = 1, 2, 2
    classes[10:, 14:] = 255
    assert background_of(names) == background
    found = list(objects_of_map(classes, background))
    assert [item.label for item in found] == labels
    assert found[-1].box.tolist() == [8, 6, 12, 9] and decode(found[-1].rle).sum() == 12
    assert len(list(objects_of_map(classes, background, smallest=13))) == (background is None)


def test_smaller_objects_are_drawn_on_top_and_losses_are_counted():
    large, small = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    large[1:9, 1:9], small[3:5, 3:5] = True, True
    objects = [
        LabeledObject(4, np.array([3.0, 3, 5, 5]), rle=encode(small)),
        LabeledObject(1, np.array([1.0, 1, 9, 9]), rle=encode(large)),
        LabeledObject(2, np.array([8.0, 8, 10, 10])),
        LabeledObject(3, np.array([0.0, 0, 2, 2]), rle=encode(~large), crowd=True),
    ]
    values = class_map(objects, (10, 10))
    assert values[3, 3] == 5 and values[2, 2] == 2 and values[0, 0] == 255 and values[8, 8] == 2
    lost = []
    instances = instance_map(objects, (10, 10), 3, lost.append)
    assert np.unique(instances).tolist() == [0, 1, 2] and instances[3, 3] == 1
    assert [text.split()[0] for text in lost] == ["outlines", "objects"]


def test_colors_of_voc():
    assert voc_palette()[[1, 2, 15, 255]].tolist() == [
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [224, 224, 192],
    ]
