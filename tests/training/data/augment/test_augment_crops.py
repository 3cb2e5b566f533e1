"""Windows on an image and large-scale jitter."""

import numpy as np
import painted_scenes as scenes
import pytest
import tensorflow as tf

from training.data.augment import Augmentation, augment, crops
from zoo.errors import InputError

SOURCE = (80, 120)
BOXES = np.array([[10, 10, 50, 40], [70, 20, 110, 75], [0, 0, 120, 80], [0, 0, 0, 0]], np.float32)
SAMPLE = {
    "boxes": BOXES,
    "labels": np.array([0, 1, 2, -1], np.int32),
    "crowd": np.array([False, False, True, False]),
}


def windows(augmentation, sample=SAMPLE, count=300):
    sample = {key: tf.constant(value) for key, value in sample.items()}
    draw = tf.function(
        lambda seed: crops.random_window(seed, augmentation, sample, tf.constant(SOURCE)),
        autograph=False,
    )
    return np.array([draw(tf.constant([seed, 5])) for seed in range(count)])


def ious(window, boxes):
    lower, upper = np.maximum(window[:2], boxes[:, :2]), np.minimum(window[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(upper - lower, 0), axis=1)
    sides = boxes[:, 2:] - boxes[:, :2]
    return shared / (np.prod(window[2:] - window[:2]) + np.prod(sides, axis=1) - shared)


def sides(found):
    return (found[:, 2:] - found[:, :2]) / np.array(SOURCE[::-1])


def test_none_is_the_whole_image():
    np.testing.assert_array_equal(windows(Augmentation(), count=3), [[0, 0, 120, 80]] * 3)


def test_random_windows_are_inside_the_image_and_have_the_configured_sides():
    found = windows(Augmentation(crop="random", crop_sides=(0.4, 0.9)))
    assert found.min() >= 0 and np.all(found[:, 2:] <= SOURCE[::-1])
    assert 0.39 < sides(found).min() < 0.43 and 0.87 < sides(found).max() < 0.91
    aspect = (found[:, 2] - found[:, 0]) / (found[:, 3] - found[:, 1])
    assert aspect.min() >= 0.5 and 1.7 < aspect.max() <= 2
    assert np.any(found[:, 0] == 0) and np.any(found[:, 2] == 120)


def test_ssd_windows_overlap_an_object_enough(monkeypatch):
    augmentation = Augmentation(crop="min_iou")
    # All but the first and the last of many modes ask for 0.6.
    monkeypatch.setattr(crops, "MIN_IOUS", (0.6,) * 98)
    found = windows(augmentation)
    best = np.array([ious(window, BOXES[:2]).max() for window in found])
    whole = np.all(found == [0, 0, 120, 80], axis=1)
    assert np.mean((best >= 0.6) | whole) > 0.97
    assert 0.02 < whole.mean() < 0.9


def test_ssd_modes_are_equally_likely(monkeypatch):
    monkeypatch.setattr(crops, "MIN_IOUS", (0.0,) * 5)
    found = windows(Augmentation(crop="min_iou"))
    assert abs(np.mean(np.all(found == [0, 0, 120, 80], axis=1)) - 1 / 7) < 0.06
    # A minimum that nothing reaches leaves the whole image.
    monkeypatch.setattr(crops, "MIN_IOUS", (1.1,) * 5)
    found = windows(Augmentation(crop="min_iou"))
    assert abs(np.mean(np.all(found == [0, 0, 120, 80], axis=1)) - 6 / 7) < 0.06


def test_object_windows_hold_one_object_as_a_whole():
    found = windows(Augmentation(crop="object", crop_sides=(0.1, 0.5)))
    held = np.array(
        [[np.all(w[:2] <= b[:2]) and np.all(w[2:] >= b[2:]) for b in BOXES[:2]] for w in found]
    )
    assert held.any(axis=1).all()
    # Each of the two is the drawn one about as often; the crowd and the padding never.
    assert 0.35 < held[:, 0].mean() < 0.65 and 0.35 < held[:, 1].mean() < 0.65
    assert found.min() >= 0 and np.all(found[:, 2:] <= SOURCE[::-1])
    assert not np.any(np.all(found == [0, 0, 120, 80], axis=1))


@pytest.mark.parametrize("crop", ["min_iou", "object"])
def test_without_objects_any_window_suits(crop):
    empty = {"boxes": np.zeros((0, 4), np.float32), "labels": np.zeros((0,), np.int32)}
    found = windows(Augmentation(crop=crop), empty, 40)
    assert len(np.unique(found, axis=0)) > 20
    single = windows(Augmentation(crop="object"), {"box": BOXES[0]}, 40)
    assert np.all(single[:, :2] <= BOXES[0, :2]) and np.all(single[:, 2:] >= BOXES[0, 2:])
    with pytest.raises(InputError, match="the sample has no boxes; use 'random'"):
        windows(Augmentation(crop=crop), {}, 1)


def test_the_window_fills_the_model_input_with_its_labels():
    augmentation = Augmentation(crop="object", crop_sides=(0.5, 0.9), min_visible=0.0)
    seen = 0
    for seed in range(6):
        sample = scenes.scene(seed, 90, 110)
        moved = scenes.numpy(augment(sample, (seed, 0), augmentation, (100, 100), "stretch", ()))
        window = crops.random_window(
            (seed, 0),
            augmentation,
            {k: tf.constant(sample[k]) for k in SAMPLE},
            tf.constant([90, 110]),
        )
        x1, y1, x2, y2 = np.asarray(window)
        x = x1 + (np.arange(100) + 0.5) / 100 * (x2 - x1)
        y = y1 + (np.arange(100) + 0.5) / 100 * (y2 - y1)
        expected = sample["segmentation"][y.astype(int)][:, x.astype(int)]
        assert np.mean(moved["segmentation"] == expected) > 0.99
        # Where the window cuts a steep outline, half a pixel across is several down.
        seen += scenes.check(moved, box_within=4)
    assert seen >= 8


def test_large_scale_jitter_is_even_and_reaches_every_place():
    inputs = (64, 64)
    image = np.full((32, 32, 1), 255, np.float32)
    augmentation = Augmentation(scale_jitter=(0.1, 1.0))
    vary = tf.function(lambda seed: augment({"image": image}, seed, augmentation, inputs)["image"])
    found = np.array([vary(tf.constant([seed, 3]))[..., 0] > 127 for seed in range(150)])
    boxes = np.array([scenes.hull(lit) for lit in found])
    shown = (boxes[:, 2] - boxes[:, 0]) / 64
    # Evenly between 0.1 and 1: mean 0.55, standard deviation 0.26.
    assert abs(shown.mean() - 0.55) < 0.07 and abs(shown.std() - 0.26) < 0.04
    assert np.any(boxes[:, 0] < 3) and np.any((boxes[:, 2] > 61) & (boxes[:, 0] > 15))
    # The whole image is on the inputs, square as it was.
    np.testing.assert_allclose(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1], atol=1)


def test_large_scale_jitter_cuts_a_random_window_of_a_large_image():
    labels = np.arange(16, dtype=np.int32).repeat(8).reshape(1, 128).repeat(128, axis=0)
    augmentation = Augmentation(scale_jitter=(2.0, 2.0))
    vary = tf.function(
        lambda seed: augment({"segmentation": labels}, seed, augmentation, (64, 64))["segmentation"]
    )
    found = np.array([vary(tf.constant([seed, 3])) for seed in range(60)])
    # 128 pixels on a inputs of 64, twice that: half of them are seen, wherever.
    assert found.max() < 16 and np.all(found.max(axis=(1, 2)) - found.min(axis=(1, 2)) >= 7)
    assert found[:, 0, 0].min() == 0 and found[:, 0, -1].max() == 15


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
def test_labels_follow_large_scale_jitter(resize):
    augmentation = Augmentation(scale_jitter=(0.5, 2.0), flip_horizontal=0.5)
    seen = 0
    for seed in range(6):
        sample = scenes.scene(seed, 90, 110)
        moved = augment(sample, (seed, 1), augmentation, (128, 128), resize, (), mask_size=56)
        seen += scenes.check(scenes.numpy(moved))
    assert seen >= 8
