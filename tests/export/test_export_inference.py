"""Test-time options inside exported files; int8 limited to the network."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

import export
import zoo
from export import ExportSpec
from zoo.inference.inference_options import InferenceOptions

LABELS = ["background", "thing"]


def squares(count, seed, height=32, width=48):
    """Images with a bright square on noise, and their segmentation maps."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 70, (count, height, width, 3), dtype=np.uint8)
    classes = np.zeros((count, height, width), np.int32)
    for image, target in zip(images, classes, strict=True):
        top, left = random.integers(2, height - 14), random.integers(2, width - 14)
        image[top : top + 12, left : left + 12] += 70
        target[top : top + 12, left : left + 12] = 1
    return images, classes


def trained(**arguments):
    """A trained network, since the argmax of equal scores means nothing."""
    model = zoo.card("unet").build_tiny(num_classes=2, dropout=0.0, depth=2, **arguments)
    images, classes = squares(16, seed=0)
    model.compile(tf.keras.optimizers.Adam(1e-2), jit_compile=False)
    model.fit(images, {"segmentation": classes}, epochs=15, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    return trained()


@pytest.fixture(scope="module")
def valid():
    model = zoo.build("unet", num_classes=2, padding="valid", norm="none", filters=4, depth=2)
    return model


def predicted(spec, image):
    return spec.predict(tf.constant(image[None]))["segmentation"].numpy()[0]


OPTIONS = {
    "tiles": InferenceOptions((16, 24), 8),
    "views": InferenceOptions(scales=(0.75, 1.25)),
    "all": InferenceOptions((24, 24), 8, (1.5,), True),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_files_predict_as_the_model_does(model, tmp_path, name):
    spec = ExportSpec.from_model(model, LABELS, (32, 48), options=OPTIONS[name])
    path = export.litert(spec, tmp_path / "m.tflite")
    folder = export.saved_model(spec, tmp_path / "sm")
    for file in (path.with_suffix(".options.json"), folder / "assets" / "options.json"):
        options = json.loads(file.read_text())
        assert options["architecture"] == "unet" and options["image_size"] == [32, 48]
        assert InferenceOptions(**options["inference"]) == OPTIONS[name]
    lite, saved = export.litert_predictor(path), export.saved_model_predictor(folder)
    for size in ((32, 48), (61, 40)):
        image = squares(1, 5, *size)[0][0]
        expected = predicted(spec, image)
        assert expected.shape == size and 0 < expected.mean() < 1
        np.testing.assert_array_equal(saved(image)["segmentation"], expected)
        assert (lite(image)["segmentation"] != expected).mean() <= 0.005


def test_test_time_options_change_the_prediction(model):
    image = squares(1, 5)[0][0]
    plain = predicted(ExportSpec.from_model(model, LABELS, (32, 48)), image)
    for inference in OPTIONS.values():
        changed = predicted(
            ExportSpec.from_model(model, LABELS, (32, 48), options=inference), image
        )
        assert (changed == plain).mean() > 0.9
    assert (changed != plain).any()


def test_a_saved_model_tiles_images_of_any_size(model, valid, tmp_path):
    for number, (net, tile) in enumerate(((model, (24, 32)), (valid, (20, 20)))):
        spec = ExportSpec.from_model(net, LABELS, options=InferenceOptions(tile, 8))
        path = export.saved_model(spec, tmp_path / str(number))
        predict = export.saved_model_predictor(path)
        for size in ((10, 9), (24, 100), (77, 65)):
            image = squares(1, 5, max(size[0], 20), max(size[1], 20))[0][0, : size[0], : size[1]]
            np.testing.assert_array_equal(predict(image)["segmentation"], predicted(spec, image))
        encoded = tf.stack([tf.io.encode_png(image), tf.io.encode_png(image[:50])])
        found = predict.loaded.signatures["serve_bytes"](encoded=encoded)["segmentation"].numpy()
        np.testing.assert_array_equal(found[0], predicted(spec, image))
        np.testing.assert_array_equal(found[1, :50], predicted(spec, image[:50]))


def test_litert_tiles_of_valid_convolutions_abut(valid, tmp_path):
    spec = ExportSpec.from_model(valid, LABELS, (32, 48), options=InferenceOptions((20, 20)))
    predict = export.litert_predictor(export.litert(spec, tmp_path / "m.tflite"))
    image = squares(1, 5)[0][0]
    expected = predicted(ExportSpec.from_model(valid, LABELS, (32, 48)), image)
    assert (predict(image)["segmentation"] != expected).mean() <= 0.005


def test_litert_needs_an_image_size_for_tiles(model, tmp_path):
    for size, resize in ((None, "letterbox"), ((32, 48), "native")):
        spec = ExportSpec.from_model(model, LABELS, size, resize, InferenceOptions((16, 16)))
        with pytest.raises(zoo.InputError, match="set an image size, or export a SavedModel"):
            export.litert(spec, tmp_path / "m.tflite")
    spec = ExportSpec.from_model(model, LABELS, (32, 48), options=InferenceOptions((16, 16)))
    with pytest.raises(zoo.InputError, match="ONNX takes no tiles"):
        export.onnx(spec, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnx_averages(model, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    inference = InferenceOptions(scales=(1, 1.5), flip=True)
    spec = ExportSpec.from_model(model, LABELS, (32, 48), options=inference)
    predict = export.onnx_predictor(export.onnx(spec, tmp_path / "m.onnx"))
    image = squares(1, 5, 41, 59)[0][0]
    assert (predict(image)["segmentation"] != predicted(spec, image)).mean() <= 0.005


def test_tiles_do_not_make_the_file_large(model, tmp_path):
    plain, tiled = (
        export.litert(
            ExportSpec.from_model(model, LABELS, (256, 256), options=inference),
            tmp_path / f"{number}.tflite",
        ).stat().st_size
        for number, inference in enumerate((InferenceOptions(), InferenceOptions((64, 64), 16)))
    )  # fmt: skip
    # A constant with the initial scores of the loop would take a quarter of a megabyte.
    assert tiled < plain + 60_000


def operators(path):
    """(operator, name, type of the result) of every graph of a LiteRT file."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    words = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    return [
        (
            words[model.operatorCodes[operator.opcodeIndex].builtinCode],
            graph.tensors[operator.outputs[0]].name.decode(),
            graph.tensors[operator.outputs[0]].type,
        )
        for graph in model.subgraphs
        for operator in graph.operators
    ]


@pytest.mark.parametrize("inference", [InferenceOptions(), InferenceOptions((16, 24), 8)])
def test_int8_is_limited_to_the_network(model, tmp_path, inference):
    spec = ExportSpec.from_model(model, LABELS, (32, 48), options=inference)
    images, _ = squares(12, seed=1)
    plain = export.litert(spec, tmp_path / "m.tflite")
    path = export.litert(spec, tmp_path / "q.tflite", "int8", images)
    convolutions = [o for o in operators(path) if o[0] == "CONV_2D"]
    assert len(convolutions) == 7 and {o[2] for o in convolutions} == {schema.TensorType.INT8}
    arithmetic = ("BATCH_MATMUL", "GATHER", "MUL", "ADD", "ARG_MAX", "SELECT_V2", "CONCATENATION")
    outside = [o for o in operators(path) if o[0] in arithmetic and "unet" not in o[1]]
    assert len(outside) > 10
    assert schema.TensorType.INT8 not in {o[2] for o in outside}
    predictions = [export.litert_predictor(file) for file in (plain, path)]
    wrong = np.zeros(2)
    # Of another size, so that images and predictions are resized.
    for image, target in zip(*squares(12, 2, 41, 59), strict=True):
        wrong += [(predict(image)["segmentation"] != target).mean() for predict in predictions]
    assert wrong[1] <= wrong[0] + 12 * 0.005
