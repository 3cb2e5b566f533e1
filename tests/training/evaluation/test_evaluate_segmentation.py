"""Segmentation metrics, computed by hand."""

import numpy as np
import pytest

from training.evaluation import EVALUATIONS, evaluate_segmentation
from zoo.errors import InputError

NAMES = ("sky", "road", "car", "tree")


def samples(*pairs):
    """Labels and predictions; the image has the index of its prediction."""
    for number, (truth, _) in enumerate(pairs):
        image = np.full((*np.shape(truth), 3), number, np.uint8)
        yield f"{number}.png", {"image": image, "segmentation": np.array(truth)}


def measured(*pairs, names=NAMES, progress=None):
    def predict(image):
        return {"segmentation": np.array(pairs[int(image.flat[0])][1], np.int32)}

    return evaluate_segmentation(predict, samples(*pairs), names, progress)


def test_by_hand():
    """Nine valid pixels: sky 5 (4 right, 1 road), road 4 (2 right, 1 sky, 1 car)."""
    done = []
    report = measured(
        ([[0, 0, 0, 255]], [[0, 0, 0, 2]]),
        ([[0, 0, 1], [1, 1, 1]], [[0, 1, 1], [1, 0, 2]]),
        progress=done.append,
    )
    # IoU: sky 4 of 6, road 2 of 5, car 0 of 1; tree occurs nowhere.
    assert report["iou"] == {
        "sky": pytest.approx(4 / 6),
        "road": pytest.approx(2 / 5),
        "car": 0.0,
        "tree": None,
    }
    assert report["mean_iou"] == pytest.approx((4 / 6 + 2 / 5 + 0) / 3)
    assert report["mean_dice"] == pytest.approx((8 / 10 + 4 / 7 + 0) / 3)
    assert report["pixel_accuracy"] == pytest.approx(6 / 9)
    # Over the classes that are there in truth: 4 of 5 and 2 of 4.
    assert report["mean_accuracy"] == pytest.approx((4 / 5 + 2 / 4) / 2)
    # Always "sky" is right for 5 of 9; its IoU is 5/9 and road's is 0.
    assert report["majority_baseline"] == {
        "pixel_accuracy": pytest.approx(5 / 9),
        "mean_iou": pytest.approx(5 / 9 / 2),
    }
    assert report["images"] == 2 and done == [1, 2]


def test_against_sets_of_pixels():
    random = np.random.default_rng(0)
    pairs = [
        (random.choice([0, 1, 2, 255], size), random.integers(0, 3, size))
        for size in [(5, 7), (4, 4), (9, 2)]
    ]
    report = measured(*pairs)
    truth = np.concatenate([t.ravel() for t, _ in pairs])
    found = np.concatenate([a.ravel() for _, a in pairs])[truth != 255]
    truth = truth[truth != 255]
    for c in range(3):
        iou = ((truth == c) & (found == c)).sum() / ((truth == c) | (found == c)).sum()
        assert report["iou"][NAMES[c]] == pytest.approx(iou)
    assert report["pixel_accuracy"] == pytest.approx(np.mean(truth == found))


def test_perfect():
    perfect = measured(([[0, 3]], [[0, 3]]))
    assert perfect["mean_iou"] == perfect["mean_dice"] == perfect["pixel_accuracy"] == 1.0


def test_nothing_is_defined_where_every_pixel_is_ignored():
    report = measured(([[255, 255]], [[0, 1]]))
    baseline = report.pop("majority_baseline")
    assert set(baseline.values()) == set(report.pop("iou").values()) == {None}
    assert report.pop("images") == 1 and len(report) == 4 and set(report.values()) == {None}


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (([[0, 4]], [[0, 1]]), "0.png: labels must be classes from 0 to 3, not 4"),
        (([[0, 1]], [[0, 4]]), "0.png: the predicted class is 4, but the data set has 4 classes"),
        (([[0, 1]], [[0, -1]]), "0.png: the predicted class is"),
    ],
)
def test_classes_that_there_are_not(pair, words):
    with pytest.raises(InputError) as caught:
        measured(pair)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_no_images():
    with pytest.raises(InputError, match="no image to evaluate on"):
        measured()


def test_an_prediction_of_another_size():
    with pytest.raises(
        ValueError, match=r"0\.png: segmentation must have the shape \(1, 2\), not \(1, 3\)"
    ):
        measured(([[0, 1]], [[0, 1, 1]]))


def test_found_by_its_task():
    assert EVALUATIONS["segmentation"] is evaluate_segmentation
