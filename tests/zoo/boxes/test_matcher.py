import numpy as np
import pytest
from arrays import to_array

from zoo.boxes import Matcher, crowd_iou, iou
from zoo.errors import InputError


def match(overlaps, valid, high, low, force_best, floor=0.0, ignore=None, candidates=None):
    """One image, anchor by anchor, as the paper puts it."""
    count = len(overlaps)
    candidates = [True] * count if candidates is None else candidates
    truths = [n for n in range(len(valid)) if valid[n]]
    matched, labels = np.zeros(count, int), np.full(count, -1)
    for a in range(count):
        best = max((overlaps[a][n] for n in truths), default=-1)
        matched[a] = next((n for n in truths if overlaps[a][n] == best), 0)
        exempt = ignore is not None and any(ignore[a])
        if floor <= max(best, 0) and best < low and not exempt:
            labels[a] = 0
        if best >= high:
            labels[a] = 1
    for n in truths if force_best else ():
        most = max((overlaps[a][n] for a in range(count) if candidates[a]), default=0)
        for a in range(count):
            if most > 0 and overlaps[a][n] == most:
                labels[a] = 1
    labels[~np.array(candidates)] = -1
    return matched, labels


def random_case(seed, ties):
    rng = np.random.default_rng(seed)
    overlaps = rng.uniform(0, 1, (3, 40, 6)) ** 2
    if ties:
        overlaps = np.round(overlaps * 8) / 8
    valid = rng.random((3, 6)) < 0.6
    valid[2] = False
    return (
        overlaps.astype("float32"),
        valid,
        rng.random((3, 40, 2)) < 0.1,
        rng.random((3, 40)) < 0.8,
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    "high, low, force, floor", [(0.7, 0.3, True, 0), (0.5, 0.5, False, 0.125), (0.5, 0.25, True, 0)]
)
def test_labels_follow_the_paper(high, low, force, floor, ties):
    for seed in range(5):
        overlaps, valid, ignore, candidates = random_case(seed, ties)
        for extra in (False, True):
            given = (ignore, candidates) if extra else (None, None)
            matched, labels = Matcher(high, low, force, floor)(overlaps, valid, *given)
            for i in range(3):
                one = (ignore[i], candidates[i]) if extra else (None, None)
                expected = match(overlaps[i], valid[i], high, low, force, floor, *one)
                np.testing.assert_array_equal(to_array(matched)[i], expected[0])
                np.testing.assert_array_equal(to_array(labels)[i], expected[1])


def test_the_best_anchor_stands_for_the_truth_it_overlaps_best():
    # Anchor 0 is the best that truth 1 has, but overlaps truth 0 more.
    overlaps = np.float32([[[0.6, 0.2], [0.65, 0.1], [0.0, 0.0]]])
    matched, labels = Matcher(0.7, 0.3)(overlaps, np.array([[True, True]]))
    np.testing.assert_array_equal(to_array(labels), [[1, 1, 0]])
    np.testing.assert_array_equal(to_array(matched), [[0, 0, 0]])


def test_a_truth_that_nothing_touches_makes_no_positives():
    overlaps = np.float32([[[0.0, 0.9], [0.0, 0.1]]])
    _, labels = Matcher(0.7, 0.3)(overlaps, np.array([[True, True]]))
    np.testing.assert_array_equal(to_array(labels), [[1, 0]])


def test_a_tie_is_one_in_spite_of_rounding():
    """Four anchors that overlap a truth alike, by symmetry, at coordinates that round."""
    truth = np.float32([[0, 0, 64.3, 64.3]]) + np.float32(34.567)
    shifts = np.float32([[-21.3, 0], [21.3, 0], [0, -21.3], [0, 21.3], [22, 22]])
    anchors = truth + np.tile(shifts, (1, 2))
    _, labels = Matcher(0.7, 0.3)(iou(anchors, truth), np.array([True]))
    np.testing.assert_array_equal(to_array(labels), [1, 1, 1, 1, 0])


def test_crowds_are_neither():
    anchors = np.float32([[0, 0, 10, 10], [50, 50, 60, 60], [100, 0, 110, 10], [104, 0, 114, 10]])
    truth, crowd = np.float32([[0, 0, 10, 9]]), np.float32([[40, 40, 70, 70], [100, 0, 109, 10]])
    ignore = crowd_iou(anchors, crowd) > 0.7
    _, labels = Matcher(0.7, 0.3)(iou(anchors, truth), np.array([True]), ignore)
    np.testing.assert_array_equal(to_array(labels), [1, -1, -1, 0])


def test_impossible_thresholds():
    with pytest.raises(InputError, match=r"not 0.0, 0\.8"):
        Matcher(0.7, 0.8)
    with pytest.raises(InputError, match="padded to at least one"):
        Matcher(0.7, 0.3)(np.zeros((1, 4, 0), "float32"), np.zeros((1, 0), bool))
