"""DenseCap: published parameter count, sampling, gradients to boxes, overfitting."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.boxes.overlap import iou
from zoo.captioning.region_selection import CaptionSampling, recognition_network, region_maps
from zoo.detection.ground_truth import mark_valid
from zoo.errors import InputError

WORDS = ("red", "blue", "square", "below", "the", "left")


def test_published_count():
    model = build_abstract(zoo.card("densecap").build_published)
    count = sum(int(np.prod(v.shape)) for v in model.weights)
    assert count == 150_437_263
    frozen = 64 * 3 * 9 + 64 + 64 * 64 * 9 + 64 + 128 * 64 * 9 + 128 + 128 * 128 * 9 + 128
    assert count - sum(int(np.prod(v.shape)) for v in model.trainable_variables) == frozen
    assert model.proposals.generator.per_cell(4) == 12


def test_boxes_are_sampled_by_the_rules():
    truth = mark_valid(
        {
            "boxes": np.array([[[0, 0, 100, 100], [60, 60, 90, 90], [0, 0, 0, 0]]], "float32"),
            "labels": np.array([[0, 0, -1]]),
        }
    )
    near = np.tile([62, 62, 90, 90], (20, 1))
    between = np.tile([60, 60, 90, 75], (20, 1))
    far = np.tile([5, 5, 20, 20], (50, 1))
    across = np.tile([-20, 2, 3, 20], (20, 1))
    whole = [[-1, -1, 101, 103]]
    boxes = np.concatenate([near, between, far, across, whole])[None].astype("float32")
    sample = CaptionSampling(64)(boxes, truth, 100, 100, seed=0)
    found = {key: ops.convert_to_numpy(value)[0] for key, value in sample.items()}
    chosen = boxes[0][found["index"]]
    # Twenty near boxes, which tie as the best of their object, and the one across the border.
    assert found["positive"][:21].all() and not found["positive"][21:].any()
    assert (chosen[:21] == whole[0]).all(-1).sum() == 1
    assert found["sampled"].sum() == 21 + 43
    assert (chosen[21:64] == far[0]).all()
    one = found["matched"][:21][(chosen[:21] == near[0]).all(-1)]
    assert len(one) == 20 and (one == 1).all()


def test_regions_are_read_bilinearly_and_pass_gradients_to_boxes():
    x, y = np.meshgrid(np.arange(8.0), np.arange(6.0))
    features = tf.constant(np.stack([x, y], -1)[None], tf.float32)
    boxes = tf.constant([[[24.0, 16, 88, 64], [40, 40, 72, 88]]])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        maps = region_maps(features, boxes, 5, 16)
        total = tf.reduce_sum(maps[..., 0])
    gradient = tape.gradient(total, boxes)
    assert maps.shape == (2, 5, 5, 2)
    # Pixel 16·i + 8 is the middle of cell i; the outer points stand on the edges.
    np.testing.assert_allclose(maps[0, 0, :, 0], np.linspace(1, 5, 5), atol=1e-5)
    np.testing.assert_allclose(maps[0, :, 0, 1], np.linspace(0.5, 3.5, 5), atol=1e-5)
    # Each of 25 points moves by its fraction of the edge's way, a sixteenth of a cell a pixel.
    np.testing.assert_allclose(gradient[0, 0], [25 / 32, 0, 25 / 32, 0], atol=1e-5)


def test_second_stage_moves_the_first_stages_boxes():
    model = zoo.card("densecap").build_tiny()
    model.recognition.get_layer("deltas").kernel.assign(np.full((32, 4), 0.05))
    images, targets = make_images()
    outputs = model(images)
    with tf.GradientTape() as tape:
        tape.watch(outputs["rpn_deltas"])
        parts = model.compute_losses(images, targets, outputs, training=False)
        later = parts["box"] + parts["objectness"] + parts["caption"]
    gradient = tape.gradient(later, outputs["rpn_deltas"])
    assert np.abs(gradient).max() > 0


def make_images():
    random = np.random.default_rng(0)
    images = random.integers(30, 50, (2, 64, 64, 3)).astype("float32")
    boxes = np.zeros((2, 3, 4), "float32")
    for number, (color, box) in enumerate(
        (([220, 40, 40], (8, 8, 36, 32)), ([40, 40, 220], (28, 20, 56, 56)))
    ):
        x1, y1, x2, y2 = box
        images[number, y1:y2, x1:x2] = color
        boxes[number, 0] = box
    captions = np.zeros((2, 3, 7), "int32")
    captions[0, 0] = [1, 4, 6, 2, 0, 0, 0]
    captions[1, 0] = [1, 5, 6, 7, 8, 9, 2]
    labels = np.array([[0, -1, -1], [0, -1, -1]])
    return images, {"boxes": boxes, "labels": labels, "captions": captions}


def test_two_images_are_overfitted():
    keras.utils.set_random_seed(0)
    model = zoo.card("densecap").build_tiny(
        vocabulary_size=None,
        vocabulary=WORDS,
        rpn_box_weight=1.0,
        box_weight=1.0,
        positive_iou=0.4,
    )
    images, targets = make_images()
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    first = model.train_on_batch(images, targets)[0]
    for _ in range(300):
        last = model.train_on_batch(images, targets)[0]
    assert last < 0.1 * first
    for width in (1, 3):
        model.settings = dataclasses.replace(model.settings, beam_width=width)
        predictions = {k: ops.convert_to_numpy(v) for k, v in zoo.predict(model, images).items()}
        for number, expected in enumerate(("red square", "blue square below the left")):
            words = [model.tokens[token] for token in predictions["captions"][number, 0] if token]
            assert " ".join(words) == expected
            # A box counts as found from positive_iou on; any of those may come first.
            overlap = iou(predictions["boxes"][number, :1], targets["boxes"][number, :1])
            assert float(overlap[0, 0]) > 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"vocabulary": ("a", "b"), "vocabulary_size": 7},
            "must be 6 for 2 words, not 7",
        ),
        ({"vocabulary_size": 4}, "and one word"),
        ({"beam_width": 0}, "beam_width must be at least 1"),
        ({"anchor_shapes": ()}, "must be numbers above 0, not"),
        ({"positive_iou": 0.2}, "negative_iou <= positive_iou"),
        ({"max_words": 0}, "max_words must be at least 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        zoo.build("densecap", **arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_normalized_codes_do_not_grow_with_their_weights():
    region = np.random.default_rng(0).normal(size=(4, 3, 3, 8)).astype("float32")
    for norm, factor in (("group", 1.0), ("none", 10_000.0)):
        network = recognition_network(8, size=3, hidden_units=16, dropout=0.0, norm=norm)
        before = np.asarray(network(region)[0])
        for name in ("fc6", "fc7"):
            kernel = network.get_layer(name).kernel
            kernel.assign(100.0 * kernel)
        np.testing.assert_allclose(network(region)[0], factor * before, rtol=2e-2, atol=1e-2)
