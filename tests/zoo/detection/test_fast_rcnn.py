"""Fast R-CNN: published counts, proposals as an input, truncated SVD."""

import keras
import numpy as np
import pytest
from arrays import to_arrays
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.detection.two_stage.svd import factors
from zoo.errors import InputError
from zoo.inference.image_transform import transform_images


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.card("fast_rcnn").build_tiny(score_threshold=0.0)


def given(count=20, height=40, width=60):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    corner = random.uniform(0, 0.6, (2, count, 2)) * [width, height]
    far = corner + random.uniform(0.15, 0.5, (2, count, 2)) * [width, height]
    boxes = np.concatenate([corner, far], -1).astype("float32")
    return {"image": images, "proposals": boxes}


def test_published_form_is_conv_layers_and_two_dense_ones():
    published = build_abstract(zoo.card("fast_rcnn").build_published)
    convolutions = 14_714_688
    dense = (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * (21 + 84)
    assert published.count_params() == convolutions + dense
    assert convolutions + dense == 134_690_729
    # conv3_1 up is trained.
    frozen = [layer.name for layer in published.layers if layer.weights and not layer.trainable]
    assert frozen == [f"vgg16_block{b}_conv{c}" for b in (1, 2) for c in (1, 2)]


def test_padding_and_invalid_boxes_change_nothing(model):
    taken = given(16)
    boxes = taken["proposals"]
    none = np.array(
        [[np.nan, 0, 5, 5], [3, 3, 3, 30], [9, 9, 4, 4], [70, 5, 90, 9], [0, 0, np.inf, 4]],
        "float32",
    )
    more = np.concatenate([boxes[:, :4], np.tile(none, (2, 1, 1)), boxes[:, 4:]], 1)
    plain = to_arrays(zoo.predict(model, taken))
    mixed = to_arrays(zoo.predict(model, {**taken, "proposals": more}))
    for key, value in plain.items():
        np.testing.assert_allclose(mixed[key], value, atol=1e-5, err_msg=key)


def test_proposals_beyond_the_image_are_cut(model):
    taken = given(8)
    taken["proposals"][:, :, 2] += 40
    cut = np.clip(taken["proposals"], 0, [60, 40, 60, 40])
    whole, within = (
        to_arrays(zoo.predict(model, {**taken, "proposals": boxes}, image_size=(64, 64)))
        for boxes in (taken["proposals"], cut)
    )
    for key in whole:
        np.testing.assert_allclose(whole[key], within[key], atol=1e-4, err_msg=key)
    assert whole["num_detections"].min() > 0


def test_only_the_first_proposals_are_used(model):
    taken = given(40)
    first = {**taken, "proposals": taken["proposals"][:, : model.max_proposals]}
    for key, value in to_arrays(zoo.predict(model, first)).items():
        np.testing.assert_array_equal(ops.convert_to_numpy(zoo.predict(model, taken)[key]), value)


def test_no_proposals_give_no_objects(model):
    predictions = to_arrays(
        zoo.predict(model, {**given(), "proposals": np.zeros((2, 3, 4), "float32")})
    )
    assert predictions["num_detections"].tolist() == [0, 0] and (predictions["labels"] == -1).all()


def test_boxes_are_transformed_and_restored():
    images = np.zeros((1, 30, 50, 3), "float32")
    boxes = np.array([[[0, 0, 50, 30], [10, 6, 20, 12]]], "float32")
    _, transform = transform_images(images, (64, 100))
    transformed = ops.convert_to_numpy(transform.transform_boxes(boxes))
    np.testing.assert_allclose(transformed, 2 * boxes)
    np.testing.assert_allclose(ops.convert_to_numpy(transform.restore_boxes(transformed)), boxes)


def test_inputs_must_be_those_of_the_model(model):
    with pytest.raises(InputError, match=r"must be .*image.*proposals"):
        zoo.predict(model, given()["image"])
    plain = zoo.card("unet").build_tiny()
    with pytest.raises(InputError, match="must be an array of images"):
        zoo.predict(plain, given())


def test_factors_are_the_best_of_their_rank():
    kernel = np.random.default_rng(1).normal(size=(30, 20))
    first, second = factors(kernel, 6)
    assert first.shape == (30, 6) and second.shape == (6, 20)
    lost = np.linalg.svd(kernel, compute_uv=False)[6:]
    np.testing.assert_allclose(np.linalg.norm(kernel - first @ second), np.linalg.norm(lost))


def test_svd_of_full_rank_predicts_the_same_and_of_less_has_fewer_weights(model):
    taken = given()
    full = zoo.truncated_svd(model, (32, 32))
    expected = to_arrays(zoo.predict(model, taken))
    for key, value in to_arrays(zoo.predict(full, taken)).items():
        np.testing.assert_allclose(value, expected[key], atol=1e-4, err_msg=key)
    small = zoo.truncated_svd(model, (8, 4))
    dense = 7 * 7 * 64 * 32 + 32 * 32
    cut = 8 * (7 * 7 * 64 + 32) + 4 * (32 + 32)
    assert model.count_params() - small.count_params() == dense - cut
    assert small.arguments["svd_ranks"] == [8, 4]
    again = to_arrays(zoo.predict(small, taken))
    assert again["num_detections"].min() > 0


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        ((33, 4), "rank of fc6 must be from 1 to 32"),
        ((8, 0), "rank of fc7"),
        ((8,), "must be two"),
    ],
)
def test_invalid_ranks(model, ranks, words):
    with pytest.raises(InputError, match=words):
        zoo.truncated_svd(model, ranks)


def test_svd_is_for_whole_layers(model):
    cut = zoo.truncated_svd(model, (8, 4))
    for other in (cut, zoo.card("unet").build_tiny()):
        with pytest.raises(InputError, match="whole"):
            zoo.truncated_svd(other, (8, 4))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"pooling": "max"}, "pooling must be"),
     ({"max_proposals": 0}, "max_proposals must be at least 1"),
     ({"svd_ranks": (3,)}, "svd_ranks")],
)  # fmt: skip
def test_invalid_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        zoo.card("fast_rcnn").build_tiny(**arguments)


def test_two_images_are_overfitted():
    keras.utils.set_random_seed(0)
    model = zoo.card("fast_rcnn").build_tiny(num_classes=2, rois_per_image=32)
    random = np.random.default_rng(0)
    images = random.integers(20, 50, (2, 64, 64, 3)).astype("float32")
    boxes, labels = np.zeros((2, 3, 4), "float32"), np.full((2, 3), -1)
    for number, box in enumerate(((8, 8, 40, 36), (24, 16, 56, 56))):
        x1, y1, x2, y2 = box
        images[number, y1:y2, x1:x2] = 220 if number else (200, 60, 60)
        boxes[number, 0], labels[number, 0] = box, number
    corner = random.uniform(0, 40, (2, 16, 2))
    far = np.concatenate([corner, corner + random.uniform(8, 24, (2, 16, 2))], -1)
    near = boxes[:, :1] + random.uniform(-6, 6, (2, 8, 4))
    taken = {"image": images, "proposals": np.concatenate([near, far], 1).astype("float32")}
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    first = model.train_on_batch(taken, {"boxes": boxes, "labels": labels})[0]
    for _ in range(80):
        last = model.train_on_batch(taken, {"boxes": boxes, "labels": labels})[0]
    assert last < 0.3 * first
    predictions = to_arrays(zoo.predict(model, taken))
    for number in range(2):
        assert predictions["labels"][number, 0] == number
        np.testing.assert_allclose(predictions["boxes"][number, 0], boxes[number, 0], atol=5)
