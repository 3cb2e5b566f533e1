"""The drawn scenes: the same everywhere, and every label true of the pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from training.data.shapes import CLASSES, COLORS, Scene, draw_scene

PALETTE = np.array(list(COLORS.values()), np.float32)
ARRAYS = ("image", "segmentation", "instances", "boxes", "labels", "keypoints", "poses", "colors")
SIZES = [(128, 128), (96, 160), (160, 64), (33, 47)]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(7, index) for index in range(240)]


def digest(*scenes: Scene) -> str:
    total = hashlib.sha256()
    for scene in scenes:
        for name in ARRAYS:
            array = getattr(scene, name)
            total.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        total.update("\n".join(scene.captions).encode())
    return total.hexdigest()


def test_a_scene_depends_on_seed_and_index_only(scenes):
    assert digest(draw_scene(7, 11)) == digest(scenes[11])
    assert digest(draw_scene(7, 12)) != digest(scenes[11])
    assert digest(draw_scene(8, 11)) != digest(scenes[11])


@pytest.mark.parametrize(
    ("variant", "size", "expected"),
    [
        ("scene", (128, 128), "746f607b5e22b70861a3c3f8f5c00e8341a5740aaf8f4f19622d969357d1b9b0"),
        ("single", (96, 144), "a342b9281eeea9250a8628d23a3726a2a46aaf82876fcba5c71a96831bb71f83"),
        ("figure", (128, 96), "b79f2d5e6292a5e5430cc97da0c62e637f6d1f951b4e9526e986fbcbf6f00ba8"),
    ],
)
def test_scenes_are_the_same_on_every_machine(variant, size, expected):
    assert digest(*(draw_scene(0, index, size, variant) for index in range(40))) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1, "index": 0}, "seed and index must be at least 0"),
        ({"seed": 0, "index": -3}, "not 0 and -3"),
        ({"seed": 0, "index": 0, "size": (31, 128)}, "at least 32"),
        ({"seed": 0, "index": 0, "size": (64, 64, 3)}, "height, width"),
        ({"seed": 0, "index": 0, "variant": "crowd"}, "'scene', 'single' or 'figure'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_scene(**arguments)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("variant", ["scene", "single", "figure"])
def test_maps_and_boxes_agree(size, variant):
    for index in range(25):
        scene = draw_scene(5, index, size, variant)
        count = len(scene.labels)
        assert scene.image.shape == (*size, 3) and scene.image.dtype == np.uint8
        assert scene.instances.shape == size and scene.instances.dtype == np.uint16
        assert scene.segmentation.shape == size and scene.segmentation.dtype == np.int32
        assert scene.boxes.shape == (count, 4) and scene.boxes.dtype == np.float32
        assert scene.keypoints.shape == (count, 14, 3) and scene.keypoints.dtype == np.float32
        assert len(scene.captions) == len(scene.poses) == len(scene.colors) == count
        assert set(np.unique(scene.instances)) - {0} == set(range(1, count + 1))
        for number, where in enumerate(ndimage.find_objects(scene.instances)):
            rows, columns = where
            box = [columns.start, rows.start, columns.stop, rows.stop]
            np.testing.assert_array_equal(scene.boxes[number], box)
            mine = scene.instances == number + 1
            assert mine.sum() >= 20
            assert (scene.segmentation[mine] == scene.labels[number] + 1).all()
        assert (scene.segmentation[scene.instances == 0] == 0).all()
        np.testing.assert_array_equal(scene.poses >= 0, scene.labels == CLASSES.index("figure"))


def test_empty_scenes_occur_and_have_the_same_form(scenes):
    empty = [scene for scene in scenes if not len(scene.labels)]
    assert 0.04 < len(empty) / len(scenes) < 0.14
    for scene in empty:
        assert scene.boxes.shape == (0, 4) and scene.keypoints.shape == (0, 14, 3)
        assert scene.captions == [] and not scene.instances.any()
        assert scene.label == -1 and not scene.box.any()


def test_pixels_away_from_the_objects_are_background(scenes):
    """Nothing that was dropped from the labels is left in the image."""
    for scene in scenes:
        far = ndimage.binary_dilation(scene.instances > 0, np.ones((3, 3)), iterations=2)
        pixels = scene.image[~far].astype(int)
        assert (pixels.max(1) - pixels.min(1) <= 46).all()
        assert pixels.min() > 50 and pixels.max() < 210


def test_objects_have_the_named_color(scenes):
    for scene in scenes:
        for number, color in enumerate(scene.colors):
            pixels = scene.image[scene.instances == number + 1].astype(np.float32)
            distance = np.abs(PALETTE - np.median(pixels, axis=0)).sum(1)
            assert distance.argmin() == color


def test_every_class_color_and_count_occurs(scenes):
    labels = np.concatenate([scene.labels for scene in scenes])
    shares = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    assert shares.min() > 0.07 and shares.max() < 0.35
    colors = np.concatenate([scene.colors for scene in scenes])
    assert (np.bincount(colors, minlength=len(COLORS)) / len(colors)).min() > 0.06
    assert {len(scene.labels) for scene in scenes} == set(range(7))


def test_single_scenes_have_an_image_class_and_one_whole_object():
    labels = []
    for index in range(120):
        scene = draw_scene(2, index, (80, 120), "single")
        assert len(scene.labels) == 1 and scene.label == scene.labels[0]
        np.testing.assert_array_equal(scene.box, scene.boxes[0])
        border = np.ones((80, 120), bool)
        border[1:-1, 1:-1] = False
        assert not scene.instances[border].any()
        labels.append(int(scene.label))
    assert set(labels) == set(range(len(CLASSES)))


def test_scenes_of_one_object_also_have_a_image_class(scenes):
    for scene in scenes:
        if len(scene.labels) == 1:
            assert scene.label == scene.labels[0]
            np.testing.assert_array_equal(scene.box, scene.boxes[0])
        else:
            assert scene.label == -1 and not scene.box.any()
