"""DenseCap's metric against its definition, written out a second time, and by hand."""

import numpy as np
import pytest

from training.evaluation import evaluate_captioning
from training.evaluation.captioning_metrics import (
    METEORS,
    OVERLAPS,
    average_precision,
    merge_regions,
)
from training.evaluation.meteor import BUILT_IN, stem_meteor
from zoo.errors import InputError

TOKENS = ("<pad>", "<start>", "<end>", "<unk>", "a", "red", "blue", "circle", "square", "left")


def overlap(one, other):
    sides = [min(one[i + 2], other[i + 2]) - max(one[i], other[i]) + 1 for i in (0, 1)]
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (one, other)]
    return shared / (sum(areas) - shared)


def mean_ap(images):
    """Definition: for each pair of thresholds the list of right and wrong, then 101 recalls."""
    rows, regions = [], 0
    for boxes, scores, said, truths in images:
        used = set()
        regions += len(truths)
        for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
            found = [overlap(boxes[i], box) for box, _ in truths]
            best = int(np.argmax(found)) if found else None
            if best is None or best in used or found[best] == 0:
                rows.append((scores[i], 0.0, 0.0))
                continue
            used.add(best)
            rows.append((scores[i], found[best], stem_meteor(said[i], truths[best][1])))
    rows.sort(key=lambda row: -row[0])
    values = []
    for least in OVERLAPS:
        for words in METEORS:
            right = [iou >= least and score > words for _, iou, score in rows]
            recalls = np.cumsum(right) / regions
            precisions = np.cumsum(right) / np.arange(1, len(right) + 1)
            values.append(
                np.mean(
                    [precisions[recalls >= t - 1e-12].max(initial=0) for t in np.arange(101) / 100]
                )
            )
    return np.mean(values)


def sample(truths, size=100):
    boxes = np.array([box for box, texts in truths for _ in texts], np.float32).reshape(-1, 4)
    texts = np.array([text.encode() for _, texts in truths for text in texts], object)
    labels = np.zeros(len(boxes), np.int32)
    image = np.zeros((size, size, 3), np.uint8)
    return {"image": image, "boxes": boxes, "labels": labels, "texts": texts}


def measured(images, predictions):
    samples = [(f"p{i}", sample(truths)) for i, (*_, truths) in enumerate(images)]
    given = iter(predictions)
    return evaluate_captioning(lambda image: next(given), samples, TOKENS, official=False)


def predict(boxes, scores, captions):
    """Padded like the predictions of a model."""
    count = len(boxes)
    padded = np.zeros((count + 2, 4), np.float32)
    padded[:count] = np.reshape(boxes, (-1, 4))
    labels = np.where(np.arange(count + 2) < count, 0, -1)
    captions = np.concatenate([captions, captions[:1].repeat(2, 0)])
    scores = np.append(np.asarray(scores, np.float32), [0, 0])
    return {
        "boxes": padded, "scores": scores, "labels": labels, "num_detections": count,
        "captions": captions,
    }  # fmt: skip


def test_equals_the_definition():
    random = np.random.default_rng(0)
    images, predictions = [], []
    for _ in range(12):
        corner = random.integers(0, 60, (3, 2)) + np.array([[0, 0], [0, 200], [200, 0]])
        truths = [
            ([*xy, *(xy + random.integers(15, 60, 2))], [" ".join(random.choice(TOKENS[4:], 5))])
            for xy in corner
        ]
        count = random.integers(1, 7)
        boxes = np.array([truths[i % 3][0] for i in range(count)]) + random.integers(
            -8, 8, (count, 4)
        )
        scores = random.permutation(count) + random.uniform(0, 1, count)
        tokens = random.integers(3, 10, (count, 5)).astype(np.int32)
        said = [" ".join(TOKENS[token] for token in row) for row in tokens]
        images.append((boxes, scores, said, truths))
        predictions.append(predict(boxes, scores, tokens))
    result = measured(images, predictions)
    expected = mean_ap(images)
    assert 0.05 < expected < 0.9
    assert result["mean_ap"] == pytest.approx(expected, abs=1e-12)
    assert result["detection_ap"] > result["mean_ap"]
    parts = list(result["ap_by_overlap"].values()), list(result["ap_by_meteor"].values())
    for part in parts:
        assert np.mean(part) == pytest.approx(expected) and part == sorted(part, reverse=True)
    assert result["images"] == 12 and result["meteor_program"] == BUILT_IN


def test_worked_by_hand():
    truths = [([0, 0, 39, 39], ["a red circle"]), ([50, 50, 89, 89], ["a blue square"])]
    boxes = [[0, 0, 39, 39], [0, 0, 39, 38], [50, 50, 89, 89]]
    said = np.array(["a red circle", "a red circle", "left left"])
    result = measured([(None, None, None, truths)], [predict(boxes, [0.9, 0.8, 0.7], said)])
    # The first is right everywhere, the second finds nothing new, the third says nothing right.
    assert result["mean_ap"] == pytest.approx(51 / 101)
    # Places alone: at recalls beyond a half two of three are right.
    assert result["detection_ap"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert result["meteor"] == pytest.approx(0.5)


def test_regions_on_top_of_each_other_are_one_with_several_sentences():
    boxes = np.array([[0, 0, 99, 99], [0, 0, 99, 89], [0, 0, 99, 74], [200, 0, 209, 9]], float)
    assert [group.tolist() for group in merge_regions(boxes)] == [[0, 1, 2], [3]]
    truths = [([0, 0, 39, 39], ["a red circle", "left left"])]
    said = np.array([b"left left"], object)
    result = measured([(None, None, None, truths)], [predict([[0, 0, 39, 39]], [0.5], said)])
    assert result["mean_ap"] == result["meteor"] == 1


def test_average_precision():
    assert average_precision(np.array([True, True]), 2) == 1
    assert average_precision(np.array([], bool), 2) == 0
    assert average_precision(np.array([False]), 3) == 0
    # At the hit the precision is one half, for recalls up to one third.
    assert average_precision(np.array([False, True]), 3) == pytest.approx(34 / 101 / 2)


def test_bad_input():
    with pytest.raises(InputError, match="no image"):
        evaluate_captioning(None, [], TOKENS)
    with pytest.raises(InputError, match=r"x\.png: no captions to evaluate on"):
        evaluate_captioning(None, [("x.png", {"image": None, "boxes": None})], TOKENS)
    ids = predict([[0, 0, 9, 9]], [1.0], np.full((1, 2), 4))
    with pytest.raises(InputError, match="give the tokens"):
        evaluate_captioning(lambda image: ids, [("p", sample([]))], ())
    nothing = measured([(None, None, None, [])], [predict([], [], np.zeros((1, 2), np.int32))])
    assert nothing["mean_ap"] is None and nothing["images"] == 1
