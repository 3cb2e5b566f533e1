"""Anchors are what k-means with 1 − IoU finds, also by trying out every partition."""

import itertools

import numpy as np
import pytest

from training.data.anchor_clustering import find_anchors, shape_iou
from zoo.errors import InputError


def iou_by_definition(first, second):
    common = min(first[0], second[0]) * min(first[1], second[1])
    return common / (first[0] * first[1] + second[0] * second[1] - common)


def best_of_all(shapes, count):
    """The highest mean best IoU of all centers that are shapes of the data themselves, or means or
    medians of the parts of any partition; in float64."""
    candidates = [list(chosen) for chosen in itertools.combinations(shapes, count)]
    for groups in itertools.product(range(count), repeat=len(shapes)):
        if len(set(groups)) == count:
            parts = [shapes[np.array(groups) == number] for number in range(count)]
            candidates += [[m(part, axis=0) for part in parts] for m in (np.mean, np.median)]
    best = 0.0
    for centers in candidates:
        ious = [max(iou_by_definition(s, c) for c in centers) for s in shapes.tolist()]
        best = max(best, sum(ious) / len(ious))
    return best


def test_iou_of_shapes():
    first = np.array([[4.0, 2.0], [1.0, 1.0]])
    second = np.array([[2.0, 4.0], [4.0, 2.0], [8.0, 8.0]])
    np.testing.assert_allclose(
        shape_iou(first, second), [[1 / 3, 1, 1 / 8], [1 / 8, 1 / 8, 1 / 64]]
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_objects_against_every_partition(count):
    """Up to the gap between a local and the global optimum."""
    for seed in range(3):
        shapes = np.random.default_rng(seed).uniform(10, 200, (6, 2))
        found = find_anchors(shapes, count)
        mean = np.mean([max(iou_by_definition(s, a) for a in found.shapes) for s in shapes])
        assert found.mean_best_iou == pytest.approx(mean, abs=1e-12)
        best = best_of_all(shapes, count)
        assert best - 0.02 <= found.mean_best_iou <= best + 1e-12


def test_clear_groups_are_found():
    random = np.random.default_rng(1)
    centers = np.array([[12.0, 20.0], [90.0, 30.0], [60.0, 150.0], [300.0, 280.0]])
    groups = [center * random.uniform(0.93, 1.07, (250, 2)) for center in centers]
    shapes = random.permutation(np.concatenate(groups))
    found = find_anchors(shapes, 4)
    expected = sorted((group.mean(0) for group in groups), key=np.prod)
    np.testing.assert_allclose(found.shapes, expected, rtol=0.02)
    np.testing.assert_allclose(found.fractions, 0.25)
    assert found.mean_best_iou == pytest.approx(np.mean(found.mean_ious))
    assert found.mean_best_iou > 0.9


def test_more_anchors_fit_better_and_many_objects_are_all_used():
    random = np.random.default_rng(2)
    shapes = np.exp(random.normal(4, 0.7, (30_000, 2)))
    ious = [find_anchors(shapes, count).mean_best_iou for count in (1, 3, 6)]
    assert ious[0] < ious[1] < ious[2]
    # Not worse than the mean or the median of all objects.
    for center in (shapes.mean(0), np.median(shapes, 0)):
        assert ious[0] >= shape_iou(shapes, center[None]).mean() - 1e-3
    assert find_anchors(shapes, 3).shapes.tolist() == find_anchors(shapes, 3).shapes.tolist()


def test_large_objects_do_not_outweigh_small_ones():
    """Euclidean k-means would spend both centers on the large ones; IoU is relative."""
    small = [[10, 10]] * 20 + [[20, 5]] * 20
    large = [[400, 400], [420, 390], [300, 310], [310, 300]]
    found = find_anchors(np.array(small + large, float), 3)
    assert [10, 10] in found.shapes.tolist() and [20, 5] in found.shapes.tolist()


def test_bad_input():
    shapes = np.array([[3.0, 4.0]] * 9 + [[5.0, 5.0]])
    with pytest.raises(InputError, match=r"anchors must be at most 2, .*, not 3"):
        find_anchors(shapes, 3)
    with pytest.raises(InputError, match="at least 1"):
        find_anchors(shapes, 0)
    assert find_anchors(shapes, 2).mean_best_iou == 1.0
