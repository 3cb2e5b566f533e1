"""Thresholds as inputs of an exported detector."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import export
import zoo
from zoo.inference.thresholds import with_thresholds

RULES = ((0.1, 0.45, False), (0.2, 0.2, True), (0.2, 0.2, False), (0.999, 0.5, False))


@pytest.fixture(scope="module")
def spec():
    keras.utils.set_random_seed(0)
    model = zoo.card("yolo_v2").build_tiny()
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign_add(random.normal(0, 0.05, variable.shape))
    return export.ExportSpec.from_model(model, ["a", "b", "c"], (64, 64))


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).integers(0, 256, (1, 70, 50, 3), dtype=np.uint8)


def expected(spec, image, rule):
    with with_thresholds(*rule):
        return {key: np.asarray(value) for key, value in spec.predict(image).items()}


def check(found, predictions):
    count = int(predictions["num_detections"][0])
    assert int(found["num_detections"][0]) == count
    np.testing.assert_allclose(found["scores"], predictions["scores"], atol=1e-4)
    np.testing.assert_array_equal(found["labels"], predictions["labels"])
    np.testing.assert_allclose(found["boxes"], predictions["boxes"], atol=1e-2)
    return count


def test_thresholds_are_those_of_a_model_built_with_them(spec, image):
    for score, iou, agnostic in RULES[:3]:
        built = zoo.card("yolo_v2").build_tiny(
            score_threshold=score, nms_iou=iou, class_agnostic=agnostic
        )
        built.set_weights(spec.model.get_weights())
        predictions = expected(spec, image, (score, iou, agnostic))
        check(zoo.predict(built, image, image_size=(64, 64)), predictions)


def test_a_saved_model_takes_thresholds(spec, image, tmp_path):
    path = export.saved_model(spec, tmp_path / "sm")
    serve = tf.saved_model.load(str(path)).signatures["serve_thresholds"]
    counts = []
    for score, iou, agnostic in RULES:
        found = serve(
            images=tf.constant(image),
            score_threshold=tf.constant(score),
            nms_iou=tf.constant(iou),
            class_agnostic=tf.constant(agnostic),
        )
        counts.append(check(found, expected(spec, image, (score, iou, agnostic))))
    assert counts[0] > counts[2] > counts[1] > counts[3] == 0


@pytest.mark.parametrize("quantize", ["none", "float16", "int8"])
def test_a_litert_file_takes_thresholds(spec, image, quantize, tmp_path):
    images = image if quantize == "int8" else ()
    path = export.litert(spec, tmp_path / "m.tflite", quantize, images, thresholds=True)
    signature = Interpreter(str(path)).get_signature_runner("serving_default")
    for score, iou, agnostic in RULES:
        found = signature(
            images=image,
            score_threshold=np.float32(score),
            nms_iou=np.float32(iou),
            class_agnostic=np.bool_(agnostic),
        )
        predictions = expected(spec, image, (score, iou, agnostic))
        count, reported = int(predictions["num_detections"][0]), int(found["num_detections"][0])
        if quantize == "none":
            check(found, predictions)
        assert abs(reported - count) <= max(1, 0.1 * count)
        assert not reported or found["scores"][0, :reported].min() >= np.float32(score)
    defaults = json.loads(path.with_suffix(".options.json").read_text())["thresholds"]
    assert defaults == {"score_threshold": 0.005, "nms_iou": 0.45, "class_agnostic": False}
    by_default = export.litert_predictor(path)(image[0])
    explicit = signature(**export.exported_predictors.signature_inputs(image[0], None, defaults))
    for key, value in explicit.items():
        np.testing.assert_array_equal(by_default[key], value[0])


def test_images_at_their_own_size(spec, image, tmp_path):
    native = export.ExportSpec.from_model(spec.model, ["a", "b", "c"])
    predict = export.saved_model_predictor(export.saved_model(native, tmp_path / "sm"))
    found = {key: value[None] for key, value in predict(image[0]).items()}
    assert check(found, {key: np.asarray(v) for key, v in native.predict(image).items()})
    with pytest.raises(zoo.InputError, match=r"yolo_v2 does not convert.*needs.*an image size"):
        export.litert(native, tmp_path / "m.tflite")


def test_segmentation_takes_no_thresholds(tmp_path):
    spec = export.ExportSpec.from_model(zoo.card("unet").build_tiny(), ["a", "b", "c"])
    with pytest.raises(zoo.InputError, match="thresholds are for detectors; unet is not one"):
        export.litert(spec, tmp_path / "m.tflite", thresholds=True)
