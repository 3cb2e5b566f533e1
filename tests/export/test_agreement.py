"""Differences between two predictions for one image."""

import numpy as np
import pytest

from export.parity import prediction_differences

BOXES = np.array([[0, 0, 10, 10], [20, 20, 60, 60], [5, 5, 8, 8], [0, 0, 0, 0]], float)


def predict(order=(0, 1, 2, 3), move=0.0, **changes):
    rows = list(order)
    found = {
        "boxes": BOXES[rows] + move,
        "labels": np.array([0, 1, 1, -1])[rows],
        "scores": np.array([0.9, 0.9, 0.2, 0.0])[rows],
        "num_detections": np.int32(3),
        "masks": np.eye(4)[:, None].repeat(4, 1)[rows],
    }
    return {**found, **changes}


def test_objects_that_change_places_do_not_differ():
    assert prediction_differences(predict((1, 0, 2, 3)), predict()) == {
        key: (0.0, 0.0) for key in ("boxes", "scores", "masks")
    }


def test_matched_objects_are_compared():
    found = predict(move=0.1, scores=np.array([0.9, 0.7, 0.2, 0]))
    difference = prediction_differences(found, predict())
    # The box of 3 pixels has moved too far to be the same; its score is low, so it does not count.
    assert difference["boxes"] == (pytest.approx(0.1), 0.0)
    assert difference["scores"] == (pytest.approx(0.2), 0.5)


def test_objects_without_a_match():
    other = predict(labels=np.array([0, 0, 1, -1]))
    assert prediction_differences(other, predict())["boxes"] == (0.0, 2 / 4)
    fewer = predict(num_detections=np.int32(1))
    assert prediction_differences(fewer, predict())["boxes"] == (0.0, 1 / 3)
    nothing = predict(num_detections=np.int32(0))
    assert prediction_differences(nothing, nothing)["boxes"] == (0.0, 0.0)
    assert prediction_differences(nothing, predict())["boxes"] == (0.0, 1.0)


def test_sentences_of_matched_objects():
    sentences = np.array(["a dog", "a car", "a hat", ""])
    swapped = predict((1, 0, 2, 3), captions=sentences[[1, 0, 2, 3]])
    assert prediction_differences(swapped, predict(captions=sentences))["captions"] == (0.0, 0.0)
    other = predict(captions=np.array(["a dog", "a", "a hat", "?"]))
    assert prediction_differences(other, predict(captions=sentences))["captions"] == (1.0, 1 / 3)


def test_maps():
    one, other = np.zeros((4, 5), np.int32), np.zeros((4, 5), np.int32)
    other[0, 0] = 3
    assert prediction_differences({"m": one}, {"m": other}) == {"m": (3.0, 1 / 20)}
    with pytest.raises(ValueError, match="different shapes"):
        prediction_differences({"m": one}, {"m": other[:2]})
