"""R-CNN: published counts, RoIs in chunks, SVMs and boxes folded into the model."""

import keras
import numpy as np
import pytest
from arrays import to_arrays
from keras import ops

import zoo
from zoo.abstract_build import build_abstract
from zoo.detection.two_stage.warped_regions import in_chunks, set_box_regression, set_svms
from zoo.errors import InputError
from zoo.layers.region_warp import region_warp

MEAN = [103.939, 116.779, 123.68]


def given(count=20, height=40, width=60):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    corner = random.uniform(0, 0.6, (2, count, 2)) * [width, height]
    far = corner + random.uniform(0.15, 0.4, (2, count, 2)) * [width, height]
    return {"image": images, "proposals": np.concatenate([corner, far], -1).astype("float32")}


def tiny(**arguments):
    keras.utils.set_random_seed(0)
    return zoo.card("rcnn").build_tiny(score_threshold=0.0, **arguments)


@pytest.fixture(scope="module")
def solved():
    """A model with random SVMs and small box regressions."""
    model = tiny()
    random = np.random.default_rng(1)
    inputs = model.box_head.get_layer("flatten").output.shape[-1]
    set_svms(model, random.normal(size=(3, 32)), random.normal(size=3))
    set_box_regression(
        model, random.normal(0, 0.01, (3, 4, inputs)), random.normal(0, 0.05, (3, 4))
    )
    return model


def features(model, taken, boxes):
    """pool5, fc7 and the softmax of boxes, straight from the warped squares."""
    pixels = taken["image"][..., ::-1].astype("float32") - MEAN
    warps = ops.reshape(region_warp(pixels, boxes, 67, 4), (-1, 67, 67, 3))
    head = model.box_head
    layers = [head.get_layer(name).output for name in ("flatten", "fc7", "logits")]
    return [ops.convert_to_numpy(x) for x in keras.Model(head.input, layers)(warps)]


def test_published_form_is_alexnet_and_three_heads():
    published = build_abstract(zoo.card("rcnn").build_published)
    convolutions = sum(
        (side * side * before + 1) * after
        for side, before, after in
        ((11, 3, 96), (5, 96, 256), (3, 256, 384), (3, 384, 384), (3, 384, 256))
    )  # fmt: skip
    learned = convolutions + (9216 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 21
    assert learned == 58_367_381
    assert sum(np.prod(v.shape) for v in published.trainable_variables) == learned
    apart = (4096 + 1) * 20 + (9216 + 1) * 80 + 1
    assert published.count_params() == learned + apart
    shapes = {layer.name: layer.output.shape[1:] for layer in published.box_head.layers}
    expected = {"conv1": (55, 55, 96), "conv2": (27, 27, 256), "conv3": (13, 13, 384)}
    expected |= {"conv4": (13, 13, 384), "conv5": (13, 13, 256), "pool5": (6, 6, 256)}
    expected |= {"flatten": (9216,), "fc7": (4096,), "svms": (20,), "boxes": (80,)}
    assert {name: shapes[name] for name in expected} == expected


def test_vgg16_has_seven_by_seven_cells():
    form = build_abstract(lambda: zoo.build("rcnn", backbone="vgg16"))
    assert form.box_head.get_layer("flatten").output.shape == (None, 7 * 7 * 512)


@pytest.mark.parametrize("chunk_size", [1, 4, 7, 20])
def test_chunks_are_the_whole(chunk_size):
    boxes = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    found = in_chunks(lambda chunk: ops.concatenate([chunk, 2 * chunk], -1), boxes, chunk_size, 8)
    np.testing.assert_array_equal(found, np.concatenate([boxes, 2 * boxes], -1))


def test_predictions_are_the_softmax_on_the_proposals_until_svms_are_solved():
    model, taken = tiny(nms_iou=1.0, max_detections=60), given()
    predictions = to_arrays(zoo.predict(model, taken))
    logits = features(model, taken, taken["proposals"])[2].reshape(2, 20, 4)
    probability = np.exp(logits - logits.max(-1, keepdims=True))
    probability = (probability / probability.sum(-1, keepdims=True))[..., 1:]
    for image in range(2):
        expected = np.sort(probability[image].ravel())[::-1]
        np.testing.assert_allclose(predictions["scores"][image], expected, atol=1e-4)
        best = np.unravel_index(probability[image].argmax(), (20, 3))
        assert predictions["labels"][image, 0] == best[1]
        box = taken["proposals"][image, best[0]]
        np.testing.assert_allclose(predictions["boxes"][image, 0], box, atol=1e-3)


def test_solved_predictions_are_margins_and_regressed_boxes(solved):
    taken = given()
    pool5, fc7, _ = (
        part.reshape(2, 20, -1) for part in features(solved, taken, taken["proposals"])
    )
    kernels = [solved.box_head.get_layer(name).get_weights() for name in ("svms", "boxes")]
    margins = fc7 @ kernels[0][0] + kernels[0][1]
    deltas = (pool5 @ kernels[1][0] + kernels[1][1]).reshape(2, 20, 3, 4)
    predictions = to_arrays(zoo.predict(solved, taken))
    for image in range(2):
        number, label = np.unravel_index(margins[image].argmax(), (20, 3))
        x1, y1, x2, y2 = taken["proposals"][image, number].astype("float64")
        dx, dy, dw, dh = deltas[image, number, label]
        center = np.array([(x1 + x2) / 2 + dx * (x2 - x1), (y1 + y2) / 2 + dy * (y2 - y1)])
        half = np.array([(x2 - x1) * np.exp(dw), (y2 - y1) * np.exp(dh)]) / 2
        box = np.clip(np.concatenate([center - half, center + half]), 0, [60, 40, 60, 40])
        np.testing.assert_allclose(predictions["boxes"][image, 0], box, atol=1e-2)
        assert predictions["labels"][image, 0] == label
        score = 1 / (1 + np.exp(-margins[image, number, label]))
        np.testing.assert_allclose(predictions["scores"][image, 0], score, atol=1e-4)


def test_a_solved_model_is_saved_and_exported(solved, tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    import export

    taken = given()
    path = tmp_path / "model.keras"
    solved.save(path)
    expected = to_arrays(zoo.predict(solved, taken, image_size=(32, 48)))
    for key, value in to_arrays(zoo.predict(zoo.load(path), taken, image_size=(32, 48))).items():
        np.testing.assert_allclose(value, expected[key], atol=1e-5, err_msg=key)
    spec = export.ExportSpec.from_model(solved, ["a", "b", "c"], (32, 48))
    folder = export.saved_model(spec, tmp_path / "saved")
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    inputs = {"images": taken["image"], "proposals": taken["proposals"]}
    found = to_arrays(serve(**{key: tf.constant(value) for key, value in inputs.items()}))
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-3)
    file = export.litert(spec, tmp_path / "model.tflite")
    interpreter = Interpreter(model_path=str(file))
    places = interpreter.get_signature_runner("serving_default").get_input_details()
    for key, value in inputs.items():
        interpreter.resize_tensor_input(places[key]["index"], value[:1].shape)
    interpreter.allocate_tensors()
    found = interpreter.get_signature_runner("serving_default")(
        **{key: value[:1] for key, value in inputs.items()}
    )
    np.testing.assert_allclose(found["scores"], expected["scores"][:1], atol=1e-3)


def test_invalid_boxes_give_no_detection(solved):
    taken = given()
    none = np.array([[np.nan, 0, 5, 5], [9, 9, 4, 4], [0, 0, np.inf, 4], [70, 5, 90, 9]], "float32")
    mixed = np.concatenate([np.tile(none, (2, 1, 1)), taken["proposals"]], 1)
    plain = to_arrays(zoo.predict(solved, taken))
    for key, value in to_arrays(zoo.predict(solved, {**taken, "proposals": mixed})).items():
        np.testing.assert_allclose(value, plain[key], atol=1e-4, err_msg=key)
    nothing = {**taken, "proposals": np.zeros((2, 3, 4), "float32")}
    assert to_arrays(zoo.predict(solved, nothing))["num_detections"].tolist() == [0, 0]


def test_gradients_do_not_change_svms_and_boxes():
    model = tiny()
    fixed = {layer.name: layer.get_weights() for layer in model.box_head.layers}
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    boxes = given(4)["proposals"]
    model.train_on_batch(given(), {"boxes": boxes, "labels": np.array([[0, 1, 2, -1]] * 2)})
    for name in ("svms", "boxes", "scores"):
        for before, now in zip(
            fixed[name], model.box_head.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"scores": "svms"}, "scores must be 'svm'"), ({"context": 40}, "context must be from 0"),
     ({"crop_size": 40}, "at least 67"), ({"chunk_size": 0}, "chunk_size must be at least 1"),
     ({"backbone": "alexnett"}, "unknown")],
)  # fmt: skip
def test_invalid_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        tiny(**arguments)


def test_shapes_of_svms_and_boxes_are_checked(solved):
    with pytest.raises(InputError, match="svms must have 32 inputs and 3 outputs, not 31 and 3"):
        set_svms(solved, np.zeros((3, 31)), np.zeros(3))
    with pytest.raises(InputError, match=r"boxes must have .* not 5 and"):
        set_box_regression(solved, np.zeros((3, 4, 5)), np.zeros((3, 4)))
    with pytest.raises(InputError, match="the model has no SVMs"):
        set_svms(tiny(scores="softmax"), np.zeros((3, 32)), np.zeros(3))
