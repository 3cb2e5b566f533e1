"""WordTree and YOLO9000 against loops written from the definition, in float64."""

import keras
import numpy as np
import pytest

import zoo
from zoo.abstract_build import build_abstract
from zoo.detection.yolo.word_tree import WordTree
from zoo.errors import InputError
from zoo.inference.image_transform import ImageTransform

# Two roots; siblings apart from each other; groups of 2, 3, 2 and 1.
PARENTS = (-1, 0, 3, -1, 0, 3, 0, 4, 4, 7)


def conditional_by_hand(logits, parents):
    logits = np.asarray(logits, float)
    found = np.zeros(len(parents))
    for node, parent in enumerate(parents):
        group = [other for other, above in enumerate(parents) if above == parent]
        found[node] = np.exp(logits[node]) / sum(np.exp(logits[other]) for other in group)
    return found


def probability_by_hand(conditional, parents, node):
    product = 1.0
    while node != -1:
        product *= conditional[node]
        node = parents[node]
    return product


def descended_by_hand(conditional, parents, threshold):
    node, probability = -1, 1.0
    while True:
        children = [child for child, above in enumerate(parents) if above == node]
        if not children:
            return node, probability
        best = max(children, key=lambda child: conditional[child])
        if node != -1 and probability * conditional[best] <= threshold:
            return node, probability
        node, probability = best, probability * conditional[best]


@pytest.mark.parametrize("parents", [PARENTS, (-1, -1, -1), (-1,), (1, 2, 3, -1)])
def test_probabilities_and_descent_by_hand(parents):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (40, 3, len(parents))).astype("float32")
    tree = WordTree(parents)
    conditional = tree.log_conditional(logits)
    nodes = random.integers(0, len(parents), (40, 3))
    every = np.exp(tree.log_probability(conditional))
    one = np.exp(tree.log_probability_of(conditional, nodes))
    for threshold in (0.0, 0.3, 1.0):
        label, likely = tree.descend(conditional, threshold)
        for at in np.ndindex(40, 3):
            hand = conditional_by_hand(logits[at], parents)
            np.testing.assert_allclose(np.exp(conditional[at]), hand, atol=1e-6)
            whole = [probability_by_hand(hand, parents, node) for node in range(len(parents))]
            np.testing.assert_allclose(every[at], whole, atol=1e-6)
            assert one[at] == pytest.approx(whole[nodes[at]], abs=1e-6)
            expected, probability = descended_by_hand(hand, parents, threshold)
            assert int(label[at]) == expected
            assert float(likely[at]) == pytest.approx(probability, abs=1e-6)


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4, 0, 0, 3e4, 1, 2, -3e4, 3e4, 5]], "float32")
    conditional = np.asarray(WordTree(PARENTS).log_conditional(logits))
    assert np.isfinite(conditional).all() and (conditional <= 0).all()


def test_invalid_trees():
    for parents, names, message in [
        ((), None, "at least one node"),
        ((-1, 2), None, "parent of node '1' must be from 0 to 1"),
        ((-1, -2), None, "must be from 0 to 1, or -1 for a root, not -2"),
        ((-1, 2, 3, 1), None, "a cycle"),
        ((0,), ["dog"], "a cycle: dog"),
    ]:
        with pytest.raises(InputError, match=message):
            WordTree(parents, names)
    with pytest.raises(InputError, match="yolo9000: the tree has a cycle"):
        zoo.build("yolo9000", num_classes=2, parents=(1, 0))
    with pytest.raises(InputError, match="parents must have at most 2 values"):
        zoo.build("yolo9000", num_classes=2, parents=(-1, 0, 0))


def test_the_published_head_has_28269_filters():
    model = build_abstract(lambda: zoo.build("yolo9000"))
    assert model.get_layer("conv23").filters == 28_269 == 3 * (9418 + 5)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    built = zoo.card("yolo9000").build_tiny(num_classes=10, parents=PARENTS)
    built.seen.assign(20_000)
    return built


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_losses_of_both_kinds_of_images(model):
    """An image with a box, one with a class only, and an empty one."""
    cells = np.random.default_rng(1).normal(0, 1, (3, 2, 3, 2 * 15)).astype("float32")
    boxes, labels = np.zeros((3, 4, 4), "float32"), np.full((3, 4), -1)
    boxes[0, 0], labels[0, 0] = [35, 3, 60, 30], 8
    targets = {"boxes": boxes, "labels": labels, "label": np.array([-1, 7, -1])}
    found = model.compute_losses(None, targets, {"cells": cells}, training=False)
    # The same without the second image, which has no boxes.
    others = {key: value[[0, 2]] for key, value in targets.items() if key != "label"}
    plain = model.compute_losses(None, others, {"cells": cells[[0, 2]]}, training=False)
    rows = cells.reshape(3, 12, 15).astype(float)
    conditional = [conditional_by_hand(row[5:], PARENTS) for row in rows[1]]
    likely = [probability_by_hand(each, PARENTS, 7) for each in conditional]
    sure = sigmoid(rows[1][:, 4])
    best = int(np.argmax(sure * likely))
    short = max(0.3 - sure[best], 0) ** 2 / 2
    for part in ("box", "no_object", "prior"):
        assert float(found[part]) == pytest.approx(2 / 3 * float(plain[part]), rel=1e-5), part
    assert float(found["class"]) == pytest.approx(
        (2 * float(plain["class"]) - np.log(likely[best])) / 3, rel=1e-4
    )
    assert float(found["object"]) == pytest.approx(
        (2 * float(plain["object"]) + 5 * short) / 3, rel=1e-4
    )
    # The class loss of the box is that of the path 8, 4, 0.
    errors = [  # cell (0, 1), either prior
        -np.log(probability_by_hand(conditional_by_hand(rows[0][at][5:], PARENTS), PARENTS, 8))
        for at in (2, 3)
    ]
    assert 2 * float(plain["class"]) == pytest.approx(errors[1], rel=1e-4)


def test_a_class_without_a_box_raises_a_low_objectness(model):
    cells = np.zeros((1, 1, 1, 2 * 15), "float32")
    cells[..., [4, 19]] = [-3.0, -4.0]
    targets = {
        "boxes": np.zeros((1, 2, 4), "float32"),
        "labels": np.full((1, 2), -1),
        "label": np.array([6]),
    }
    found = model.compute_losses(None, targets, {"cells": cells}, training=False)
    assert float(found["object"]) == pytest.approx(5 * (0.3 - sigmoid(-3.0)) ** 2 / 2, rel=1e-5)
    assert float(found["class"]) == pytest.approx(np.log(2) + np.log(3), rel=1e-5)
    assert float(found["no_object"]) == float(found["box"]) == float(found["prior"]) == 0


def test_predictions_descend_the_tree(model):
    cells = np.random.default_rng(3).normal(0, 3, (1, 2, 2, 2 * 15)).astype("float32")
    predictions = model.decode({"cells": cells}, ImageTransform(64, 64, 64, 64))
    expected = []
    for row in cells.reshape(8, 15).astype(float):
        conditional = conditional_by_hand(row[5:], PARENTS)
        label, probability = descended_by_hand(conditional, PARENTS, 0.5)
        expected.append((sigmoid(row[4]) * probability, label))
    count = int(predictions["num_detections"][0])
    assert 1 <= count <= 8
    for score, label in zip(
        predictions["scores"][0, :count], np.asarray(predictions["labels"][0, :count]), strict=True
    ):
        assert any(k == label and abs(score - s) < 1e-5 for s, k in expected)
    assert float(predictions["scores"][0, 0]) == pytest.approx(max(expected)[0], abs=1e-5)
