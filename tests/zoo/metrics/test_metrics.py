"""Metrics on class maps against plain NumPy."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo import metrics

CLASSES = 5
NAMES = ("MeanIoU", "ClassIoU", "Dice", "PixelAccuracy")


def batches(seed=0, count=3, present=(0, 1, 3)):
    """(truth, prediction) pairs with ignored pixels; classes 2 and 4 never occur."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        truth = random.choice([*present, 255], (2, 6, 7))
        yield truth, random.choice(present, truth.shape)


def make(name):
    if name == "PixelAccuracy":
        return metrics.PixelAccuracy()
    return metrics.ClassIoU(CLASSES, 3) if name == "ClassIoU" else getattr(metrics, name)(CLASSES)


def reference(name, pairs):
    """By sets of pixels, one class after another."""
    truth = np.concatenate([t.ravel() for t, _ in pairs])
    found = np.concatenate([p.ravel() for _, p in pairs])
    truth, found = truth[truth != 255], found[truth != 255]
    if name == "PixelAccuracy":
        return np.mean(truth == found)
    scores = {}
    for c in range(CLASSES):
        both = np.sum((truth == c) & (found == c))
        either = np.sum((truth == c) | (found == c))
        if either:
            total = np.sum(truth == c) + np.sum(found == c)
            scores[c] = 2 * both / total if name == "Dice" else both / either
    return scores.get(3, 0.0) if name == "ClassIoU" else np.mean(list(scores.values()))


def measured(metric, pairs):
    for truth, found in pairs:
        metric.update_state(truth, found)
    return float(ops.convert_to_numpy(metric.result()))


@pytest.mark.parametrize("name", NAMES)
def test_equals_numpy_over_several_batches(name):
    pairs = list(batches())
    assert measured(make(name), pairs) == pytest.approx(reference(name, pairs), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_predictions_too(name):
    pairs = list(batches(1))
    logits = [(t, np.eye(CLASSES, dtype="float32")[p] * 3 - 1) for t, p in pairs]
    assert measured(make(name), logits) == measured(make(name), pairs)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_epoch_begins_at_nothing(name):
    metric = make(name)
    measured(metric, batches(2))
    metric.reset_state()
    pairs = list(batches(3))
    assert measured(metric, pairs) == pytest.approx(reference(name, pairs), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_valid_gives_zero(name):
    truth = np.full((1, 3, 3), 255)
    assert measured(make(name), [(truth, np.zeros_like(truth))]) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_sample_weights_change_nothing(name):
    metric = make(name)
    pairs = list(batches(4))
    random = np.random.default_rng(0)
    for truth, found in pairs:
        metric.update_state(truth, found, sample_weight=random.random(truth.shape))
    assert float(metric.result()) == pytest.approx(reference(name, pairs), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_serialization_round_trip(name):
    metric = make(name)
    stored = json.dumps(keras.saving.serialize_keras_object(metric))
    again = keras.saving.deserialize_keras_object(json.loads(stored))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    pairs = list(batches(5))
    assert measured(again, pairs) == measured(metric, pairs)


def test_by_hand():
    """Truth 0 0 1 1, answer 0 1 1 2 and one ignored pixel: IoU 1/2, 1/3, 0; right 2 of 4."""
    truth = np.array([[[0, 0, 1, 1, 255]]])
    found = np.array([[[0, 1, 1, 2, 0]]])
    matrix = metrics.ConfusionMatrix(3)
    matrix.update_state(truth, found)
    assert np.array_equal(matrix.result(), [[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    assert measured(metrics.MeanIoU(3), [(truth, found)]) == pytest.approx((1 / 2 + 1 / 3) / 3)
    assert measured(metrics.ClassIoU(3, 1), [(truth, found)]) == pytest.approx(1 / 3)
    assert measured(metrics.Dice(3), [(truth, found)]) == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert measured(metrics.PixelAccuracy(), [(truth, found)]) == 0.5


def test_classes_that_never_occur_are_left_out_of_the_mean():
    truth = np.array([[[0, 0, 2, 2]]])
    assert measured(metrics.MeanIoU(50), [(truth, truth)]) == 1.0
    assert measured(metrics.Dice(50), [(truth, truth)]) == 1.0
    # A class that is only predicted is wrong, not absent.
    found = np.array([[[0, 0, 2, 7]]])
    assert measured(metrics.MeanIoU(50), [(truth, found)]) == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_another_label_to_ignore():
    truth = np.array([[[0, 1, 3]]])
    found = np.array([[[0, 0, 0]]])
    assert measured(metrics.PixelAccuracy(ignore=3), [(truth, found)]) == 0.5
    assert measured(metrics.MeanIoU(4, ignore=3), [(truth, found)]) == pytest.approx(1 / 4)


def test_more_pixels_than_float32_counts_one_by_one():
    """Adding ones in float32 stops at 2^24; a batch is counted in whole numbers first."""
    truth = np.zeros((1, 4100, 4100), "uint8")
    truth[0, 0, :3] = 1
    metric = metrics.ConfusionMatrix(2)
    metric.update_state(truth, np.zeros_like(truth))
    metric.update_state(truth, np.zeros_like(truth))
    expected = [[2 * (4100 * 4100 - 3), 0], [6, 0]]
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)


def test_a_class_that_there_is_not():
    with pytest.raises(zoo.InputError, match="class_id must be from 0 to 2, not 3"):
        metrics.ClassIoU(3, 3)


def test_every_registered_class_is_found_by_its_name():
    """Two classes of one registered name would be confused when a file is read."""
    for module in (zoo.losses, zoo.metrics, zoo.layers):
        for made in vars(module).values():
            if isinstance(made, type) and keras.saving.get_registered_name(made) != made.__name__:
                name = keras.saving.get_registered_name(made)
                assert keras.saving.get_registered_object(name) is made
