"""VOC's average precision and proposals' recall, by hand and from the definition."""

import numpy as np
import pytest

from training.evaluation import evaluate_detection, proposal_recall
from training.evaluation.voc_metrics import area_ap, box_iou, eleven_point_ap, precision_recall
from zoo.errors import InputError

RIGHT = np.array([1, 0, 1, -1, 1, 0])


def test_ap_by_hand():
    """Four objects; right, wrong, right, (difficult), right, wrong: recall ¼ ¼ ½ ¾ ¾."""
    recall, precision = precision_recall(np.linspace(1, 0, 6), RIGHT, 4)
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 2 / 4, 3 / 4, 3 / 4])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5])
    # Best precision from recall 0, .1, .2: 1; from .3 … .7: 3/4; from .8, .9, 1: none.
    assert eleven_point_ap(recall, precision) == pytest.approx((3 * 1 + 5 * 3 / 4) / 11)
    # A quarter of the recall at 1, half of it at 3/4.
    assert area_ap(recall, precision) == pytest.approx(1 / 4 + 1 / 2 * 3 / 4)


def test_no_predictions():
    recall, precision = precision_recall(np.zeros(0), np.zeros(0, int), 3)
    assert eleven_point_ap(recall, precision) == area_ap(recall, precision) == 0.0


def test_area_is_that_of_the_envelope():
    random = np.random.default_rng(0)
    for _ in range(20):
        recall, precision = precision_recall(random.random(30), random.integers(0, 2, 30), 30)
        steps = np.arange(1, 31) / 30 - 1e-9
        envelope = [precision[recall >= step].max(initial=0.0) for step in steps]
        assert area_ap(recall, precision) == pytest.approx(np.mean(envelope))


def samples_and_predictions():
    """Two images, one class. Predictions are matched by score."""
    image = np.zeros((100, 100, 3), np.uint8)
    first = {
        "image": image,
        "boxes": np.array([[0, 0, 10, 10], [20, 0, 40, 20], [50, 50, 90, 90]], float),
        "labels": np.array([0, 0, 0]),
        "difficult": np.array([False, False, True]),
    }
    second = {"image": image + 1, "boxes": np.array([[0, 0, 10, 10.0]]), "labels": np.array([0])}
    predictions = [
        {
            "boxes": np.array(
                [
                    [0, 0, 10, 10],  # right
                    [0, 0, 10, 9],  # a second time: wrong
                    [50, 50, 90, 89],  # difficult: neither, and once more
                    [50, 50, 90, 90],
                    [20, 0, 30, 20],  # IoU exactly one half: right
                ],
                float,
            ),
            "labels": np.zeros(5, int),
            "scores": np.array([0.9, 0.8, 0.95, 0.7, 0.6]),
        },
        {
            "boxes": np.array([[0, 0, 10, 4.9]]),  # IoU below one half: wrong
            "labels": np.array([0]),
            "scores": np.array([0.85]),
        },
    ]
    return [("a", first), ("b", second)], lambda image: predictions[int(image.flat[0])]


def test_judged_by_hand():
    """In order: right, wrong, wrong, right, of three objects: precision 1, ½, ⅓, ½."""
    samples, predict = samples_and_predictions()
    result = evaluate_detection(predict, samples, ["thing", "other"])
    assert result["voc_ap50"] == pytest.approx(1 / 3 * 1 + 1 / 3 * 1 / 2)
    assert result["voc07_ap50"] == pytest.approx((4 * 1 + 3 * 1 / 2) / 11)
    assert result["voc07_ap50_by_class"] == {"thing": result["voc07_ap50"], "other": None}


def test_iou():
    found = np.array([[0, 0, 10, 10.0], [5, 5, 5, 9]])
    truth = np.array([[5, 5, 15, 15.0], [0, 0, 10, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(box_iou(found, truth), [[25 / 175, 1, 0], [0, 0, 0]])
    assert box_iou(found, truth[:0]).shape == (2, 0)


def recall_from_definition(proposals, truths, count, threshold):
    """Each proposal, best first, takes the object it covers best of those not yet taken."""
    found = 0
    for boxes, objects in zip(proposals, truths, strict=True):
        overlaps = box_iou(boxes[:count], objects)
        for row in overlaps:
            if row.size and row.max() >= threshold:
                found += 1
                overlaps[:, row.argmax()] = -1
    return found / sum(map(len, truths))


def test_proposal_recall():
    random = np.random.default_rng(3)
    truths, proposals, samples = [], [], []
    for number in range(6):
        corner = random.uniform(0, 60, (5, 2))
        objects = np.concatenate([corner, corner + random.uniform(8, 40, (5, 2))], 1)
        near = objects.repeat(3, 0) + random.normal(0, 3, (15, 4))
        corner = random.uniform(0, 60, (40, 2))
        boxes = np.concatenate([near, np.concatenate([corner, corner + 20], 1)])
        boxes = boxes[random.permutation(len(boxes))]
        truths.append(objects)
        proposals.append(boxes)
        image = np.full((110, 110, 3), number, np.uint8)
        samples.append((str(number), {"image": image, "boxes": objects, "labels": np.arange(5)}))
    result = proposal_recall(
        lambda image: {"boxes": proposals[int(image.flat[0])]}, samples, 5, counts=(20, 5, 55)
    )
    for count in (5, 20, 55):
        expected = [
            recall_from_definition(proposals, truths, count, threshold)
            for threshold in np.linspace(0.5, 0.95, 10)
        ]
        assert result[f"recall50_{count}"] == pytest.approx(expected[0])
        assert result[f"ar{count}"] == pytest.approx(np.mean(expected))
    assert result["ar5"] < result["ar20"] < result["ar55"] < 1
    assert result["images"] == 6


def test_proposals_of_nothing():
    empty = [("0", {"image": np.zeros((9, 9, 3)), "boxes": np.zeros((0, 4)), "labels": []})]
    result = proposal_recall(lambda _: {"boxes": np.ones((2, 4))}, empty, 1, counts=(10,))
    assert result == {"ar10": None, "recall50_10": None, "images": 1}
    with pytest.raises(InputError, match="no image to evaluate on"):
        proposal_recall(lambda _: {}, [], 1)
