"""Exported files: what the contract test does not check for every model."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import export
import zoo
from zoo.precision import PrecisionScope

LABELS = ["background", "thing", "stuff"]


def make_image(height, width, channels=3, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


def predicted(model, image, **transform):
    return zoo.predict(model, image[None], **transform)["segmentation"].numpy()[0]


@pytest.fixture(scope="module")
def model():
    return zoo.card("unet").build_tiny()


@pytest.fixture(scope="module")
def spec(model):
    return export.ExportSpec.from_model(model, LABELS, (32, 48))


def test_predictions_have_the_size_of_the_image(spec, model, tmp_path):
    predict = export.saved_model_predictor(export.saved_model(spec, tmp_path / "sm"))
    lite = export.litert_predictor(export.litert(spec, tmp_path / "m.tflite"))
    for size in ((32, 48), (17, 90), (200, 31), (1, 1)):
        image = make_image(*size)
        expected = predicted(model, image, image_size=(32, 48))
        np.testing.assert_array_equal(predict(image)["segmentation"], expected)
        assert (lite(image)["segmentation"] != expected).mean() <= 0.005


def test_the_package_imports_no_tensorflow():
    program = "import export, sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert {export.litert, export.onnx, export.saved_model} and "litert" in dir(export)


def test_defaults_are_what_the_model_remembers(tmp_path):
    model = zoo.card("unet").build_tiny()
    spec = export.ExportSpec.from_model(model)
    assert (spec.labels, spec.image_size, spec.resize) == (("0", "1", "2"), None, "native")
    assert export.ExportSpec.from_model(model, image_size=(32, 32)).resize == "letterbox"
    model.set_transform((32, 48), "stretch")
    model.class_names = LABELS
    predict = export.litert_predictor(export.litert(model, tmp_path / "m.tflite"))
    assert (tmp_path / "m.labels.txt").read_text().split() == LABELS
    options = json.loads((tmp_path / "m.options.json").read_text())
    assert (options["image_size"], options["resize"]) == ([32, 48], "stretch")
    image = make_image(50, 40)
    assert (predict(image)["segmentation"] != predicted(model, image)).mean() <= 0.005
    assert export.ExportSpec.from_model(model, resize="native").image_size is None
    with pytest.raises(TypeError, match="set in the ExportSpec"):
        export.onnx(spec, tmp_path / "m.onnx", labels=LABELS)


def test_serve_bytes_takes_files_of_different_sizes(spec, model, tmp_path):
    path = export.saved_model(spec, tmp_path / "sm")
    serve = tf.saved_model.load(str(path)).signatures["serve_bytes"]
    images = [make_image(20, 30), make_image(41, 25, seed=1)]
    found = serve(encoded=tf.stack([tf.io.encode_png(image) for image in images]))
    assert found["image_size"].numpy().tolist() == [[20, 30], [41, 25]]
    maps = found["segmentation"].numpy()
    assert maps.shape == (2, 41, 30)
    for number, image in enumerate(images):
        height, width = image.shape[:2]
        expected = predicted(model, image, image_size=(32, 48))
        np.testing.assert_array_equal(maps[number, :height, :width], expected)
    assert (maps[0, 20:] == 255).all() and (maps[1, :, 25:] == 255).all()


@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_quantized_files_are_smaller_and_near(model, tmp_path, quantize):
    # A trained network, since the argmax of equal logits means nothing.
    model = zoo.card("unet").build_tiny(num_classes=2, dropout=0.0)
    images = np.stack([np.full((32, 48, 3), 30, np.uint8)] * 8)
    for i, image in enumerate(images):
        image[:, 4 * i + 8 :] = 220
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(images, {"segmentation": (images[..., 0] > 128).astype(int)}, epochs=30, verbose=0)
    spec = export.ExportSpec.from_model(model, LABELS[:2])
    plain = export.litert(spec, tmp_path / "plain.tflite")
    small = export.litert(spec, tmp_path / "small.tflite", quantize, images)
    # Weights take a half or a quarter; the graph itself does not shrink.
    assert small.stat().st_size < 0.8 * plain.stat().st_size
    expected = predicted(model, images[3])
    found = export.litert_predictor(small)(images[3])["segmentation"]
    assert (found != expected).mean() < 0.02


def test_int8_needs_images(spec, tmp_path):
    with pytest.raises(zoo.InputError, match="representative images"):
        export.litert(spec, tmp_path / "m.tflite", "int8")
    with pytest.raises(zoo.InputError, match="quantize must be 'none', 'float16' or 'int8'"):
        export.litert(spec, tmp_path / "m.tflite", "int4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_exported_as_float32(precision, tmp_path):
    with PrecisionScope(precision):
        mixed = zoo.card("unet").build_tiny()
    spec = export.ExportSpec.from_model(mixed, LABELS, (32, 32))
    assert {layer.dtype_policy.name for layer in spec.model._flatten_layers()} == {"float32"}
    lite = export.litert_predictor(export.litert(spec, tmp_path / "m.tflite"))
    image = make_image(40, 40)
    expected = predicted(spec.model, image, image_size=(32, 32))
    assert (lite(image)["segmentation"] != expected).mean() <= 0.005
    for exported, trained in zip(spec.model.weights, mixed.weights, strict=True):
        np.testing.assert_array_equal(exported.numpy(), trained.numpy())


def test_grey_images(tmp_path):
    model = zoo.card("unet").build_tiny(input_shape=(None, None, 1))
    spec = export.ExportSpec.from_model(model, LABELS)
    path = export.saved_model(spec, tmp_path / "sm")
    image = make_image(33, 20, channels=1)
    found = export.saved_model_predictor(path)(image)["segmentation"]
    np.testing.assert_array_equal(found, predicted(model, image))


def test_valid_convolutions_predict_the_whole_image(tmp_path):
    model = zoo.build(
        "unet", num_classes=3, padding="valid", norm="none", filters=4, depth=3,
        input_shape=(None, None, 3),
    )  # fmt: skip
    spec = export.ExportSpec.from_model(model, LABELS)
    image = make_image(50, 71)
    expected = predicted(model, image)
    assert expected.shape == (50, 71)
    lite = export.litert_predictor(export.litert(spec, tmp_path / "m.tflite"))
    assert (lite(image)["segmentation"] != expected).mean() <= 0.005


def test_a_saved_model_replaces_an_older_one_but_nothing_else(spec, tmp_path):
    folder = tmp_path / "sm"
    export.saved_model(spec, folder)
    (folder / "old").write_text("x")
    export.saved_model(spec, folder)
    assert not (folder / "old").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(zoo.InputError, match="not a SavedModel"):
        export.saved_model(spec, other)
    assert (other / "thesis.txt").read_text() == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "sm"]


def test_parity_report_measures_a_difference(tmp_path):
    def reference(image):
        return {"segmentation": np.zeros(image.shape[:2], np.int32)}

    def exported(image):
        found = np.zeros(image.shape[:2], np.int32)
        found[0, 0] = 2
        return {"segmentation": found}

    file = tmp_path / "m.tflite"
    file.write_bytes(b"12345")
    images = [make_image(4, 5), make_image(10, 10)]
    report = export.parity_report(
        reference, {"m": (file, exported)}, images, lambda predict: {"sum": int(
            sum(predict(p)["segmentation"].sum() for p in images))}
    )  # fmt: skip
    assert report["images"] == 2
    row = report["m"]
    assert row["bytes"] == 5
    assert row["max_difference"] == {"segmentation": 2.0}
    assert row["fraction_different"]["segmentation"] == pytest.approx((1 / 20 + 1 / 100) / 2)
    assert (report["model"]["metrics"]["sum"], row["metrics"]["sum"]) == (0, 4)
