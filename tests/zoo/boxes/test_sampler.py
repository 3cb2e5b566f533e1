import keras
import numpy as np
import pytest
from arrays import to_array

from zoo.boxes import balanced_sample, most_positives
from zoo.errors import InputError


def labels_of(*counts, size=400):
    """One row an image, with so many positives and negatives at random places."""
    rng = np.random.default_rng(0)
    rows = []
    for positives, negatives in counts:
        row = np.full(size, -1)
        row[:positives], row[positives : positives + negatives] = 1, 0
        rows.append(rng.permutation(row))
    return np.array(rows, "int32")


CASES = [(100, 300), (10, 200), (100, 20), (3, 4), (0, 300), (50, 0), (0, 0)]


def test_numbers_of_positives_and_negatives():
    labels = labels_of(*CASES)
    index, valid = (to_array(x) for x in balanced_sample(labels, 64, 0.25, seed=1))
    assert index.shape == valid.shape == (len(CASES), 64)
    for i, (positives, negatives) in enumerate(CASES):
        taken = labels[i, index[i]]
        want_positive = min(16, positives)
        want_negative = min(64 - want_positive, negatives)
        end = want_positive + want_negative
        np.testing.assert_array_equal(valid[i], np.arange(64) < end)
        assert (taken[:want_positive] == 1).all()
        assert (taken[want_positive:end] == 0).all()
        assert len(set(index[i, :end])) == end
        assert (index[i, end:] == 0).all()


def test_fewer_candidates_than_samples():
    labels = np.int32([[1, 0, -1, 0, 1]])
    index, valid = (to_array(x) for x in balanced_sample(labels, 8, 0.5, seed=0))
    np.testing.assert_array_equal(valid[0], [True] * 4 + [False] * 4)
    assert sorted(index[0, :2]) == [0, 4]
    assert sorted(index[0, 2:4]) == [1, 3]


def test_given_noise_decides():
    labels = np.int32([[1, 1, 1, 0, 0, 0]])
    noise = np.float32([[0.1, 0.9, 0.5, 0.3, 0.2, 0.8]])
    index, _ = balanced_sample(labels, 4, 0.5, noise=noise)
    np.testing.assert_array_equal(to_array(index), [[1, 2, 5, 3]])


def test_every_candidate_is_as_likely():
    labels = np.tile(labels_of((40, 60), size=100), (4000, 1))
    index, _ = balanced_sample(labels, 20, 0.5, seed=3)
    taken = np.bincount(to_array(index).ravel(), minlength=100) / 4000
    expected = np.where(labels[0] == 1, 10 / 40, 10 / 60)
    # Six standard deviations of a share of 4000 draws.
    assert np.abs(taken - expected).max() < 6 * np.sqrt(0.25 * 0.75 / 4000)


def test_seeds():
    labels = labels_of((100, 300))
    draw = {}
    for seed in (1, 2):
        draw[seed] = to_array(balanced_sample(labels, 64, 0.25, seed)[0])
    np.testing.assert_array_equal(draw[1], balanced_sample(labels, 64, 0.25, 1)[0])
    assert (draw[1] != draw[2]).any()
    one, two = keras.random.SeedGenerator(5), keras.random.SeedGenerator(5)
    by_generator = [to_array(balanced_sample(labels, 64, 0.25, one)[0]) for _ in range(2)]
    by_value = [to_array(balanced_sample(labels, 64, 0.25, two.next())[0]) for _ in range(2)]
    np.testing.assert_array_equal(by_generator, by_value)
    assert (by_generator[0] != by_generator[1]).any()


def test_shares():
    assert most_positives(256, 0.5) == 128
    assert most_positives(2, 0.25) == 1
    with pytest.raises(InputError, match="count must be at least 1, not 0"):
        balanced_sample(np.int32([[1]]), 0, 0.5)
    with pytest.raises(InputError, match=r"1\.5"):
        balanced_sample(np.int32([[1]]), 3, 1.5)
