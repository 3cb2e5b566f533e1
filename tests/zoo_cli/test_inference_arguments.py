"""Test-time options on the command line."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import export
import zoo
from training.evaluation.superpixels import felzenszwalb, vote
from zoo.inference.inference_options import InferenceOptions
from zoo_cli import main
from zoo_cli.loaded_model import LoadedModel, _check_tile

OPTIONS = ["--tile", "16x24", "--overlap", "8", "--scales", "1,1.5", "--flip"]
INFERENCE = InferenceOptions((16, 24), 8, (1, 1.5), True)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = zoo.build("unet", num_classes=2, filters=4, depth=2)
    for variable in model.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.1, seed=1))
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.keras"
    model.save(path)
    return str(path)


def predicted(model, image, inference):
    return np.asarray(zoo.predict(model, image[None], options=inference)["segmentation"])[0]


def test_predict_uses_tiles_and_flips(model, file, photo, tmp_path, capsys):
    path, image = photo
    words = ["predict", file, str(path), "--out", str(tmp_path), *OPTIONS]
    assert main(words) == 0
    found = np.asarray(Image.open(tmp_path / "photo_classes.png"))
    expected = predicted(model, image, INFERENCE)
    np.testing.assert_array_equal(found, expected)
    assert (expected != predicted(model, image, InferenceOptions())).any()
    pytest.importorskip("cv2.ximgproc")
    assert main([*words, "--superpixels", "felzenszwalb:30"]) == 0
    found = np.asarray(Image.open(tmp_path / "photo_classes.png"))
    np.testing.assert_array_equal(found, vote(expected, felzenszwalb(image, 30)))
    assert (found != expected).any()


def test_image_size_replaces_the_models(model, file, photo, tmp_path, capsys):
    path, image = photo
    words = ["predict", file, str(path), "--out", str(tmp_path), "--image-size", "24x32"]
    assert main(words) == 0
    found = np.asarray(Image.open(tmp_path / "photo_classes.png"))
    expected = np.asarray(
        zoo.predict(model, image[None], image_size=(24, 32))["segmentation"][0],
    )
    np.testing.assert_array_equal(found, expected)
    assert (expected != predicted(model, image, InferenceOptions())).any()
    capsys.readouterr()
    words = ["export", file, "--out", str(tmp_path), "--json", "--format", "saved_model"]
    assert main([*words, "--image-size", "24x32"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["image_size"] == [24, 32]
    predict = export.saved_model_predictor(report["files"]["saved_model"])
    np.testing.assert_array_equal(predict(image)["segmentation"], expected)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"input_shape": (32, 32, 3)}, "an image side must be 32"),
        ({"padding": "valid"}, "must be 24 or 26"),
    ],
)
def test_an_unsuitable_image_size_is_one_line(arguments, error, photo, tmp_path, capsys):
    model = zoo.build("unet", num_classes=2, filters=4, depth=2, **arguments)
    model.save(tmp_path / "unet.keras")
    words = ["predict", str(tmp_path / "unet.keras"), str(photo[0]), "--out", str(tmp_path / "o")]
    assert main([*words, "--image-size", "25x24"]) == 2
    message = capsys.readouterr().err
    assert error in message and message.count("\n") == 1


def test_evaluate_uses_tiles_and_flips(model, file, photo, tmp_path, capsys):
    image = photo[1]
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    truth = (np.arange(52) >= 26).astype(np.uint8)[None].repeat(40, 0)
    Image.fromarray(truth).save(tmp_path / "masks" / "a.png")
    for name in ("images", "masks"):
        Image.open(tmp_path / name / "a.png").save(tmp_path / name / "b.png")
    words = ["evaluate", file, "--data", f"masks:{tmp_path}", "--json", *OPTIONS]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["inference"] == {**INFERENCE.to_dict(), "superpixels": None}
    right = predicted(model, image, INFERENCE) == truth
    assert result["pixel_accuracy"] == pytest.approx(right.mean())


def test_exported_files_contain_tiles_and_flips(model, file, photo, tmp_path, capsys):
    words = ["export", file, "--out", str(tmp_path), "--format"]
    assert main([*words, "saved_model", "--json", "--tile", "16x24", "--flip"]) == 0
    report = json.loads(capsys.readouterr().out)
    inference = InferenceOptions((16, 24), 4, flip=True)
    assert InferenceOptions(**report["inference"]) == inference
    predict = export.saved_model_predictor(report["files"]["saved_model"])
    expected = predicted(model, photo[1], inference)
    np.testing.assert_array_equal(predict(photo[1])["segmentation"], expected)
    assert main([*words, "litert", "--tile", "16x24"]) == 2
    error = capsys.readouterr().err
    assert "set an image size, or export a SavedModel" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--overlap", "4"], "overlap needs a tile"),
        (["--tile", "16"], "HEIGHTxWIDTH"),
        (["--tile", "16x16", "--overlap", "9"], "overlap must be in [0, 8]"),
        (["--scales", "1,x"], "must be numbers such as"),
        (["--scales", "0"], "factors such as"),
        (["--superpixels", "slic"], "unknown superpixels 'slic'"),
    ],
)
def test_bad_options_are_one_line_and_status_2(words, expected, file, photo, tmp_path, capsys):
    assert main(["predict", file, str(photo[0]), "--out", str(tmp_path / "o"), *words]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.startswith("zoo: ") and error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_tiles_as_large_as_the_model_input_are_refused(model, tmp_path):
    def check(tile, scales=(1.0,), size=(64, 64)):
        inference = InferenceOptions(tile, scales=scales)
        _check_tile(LoadedModel(tmp_path, model, ["a", "b"], size, "letterbox", None, inference))

    with pytest.raises(zoo.InputError, match="with --native"):
        check((64, 80))
    check((64, 80), scales=(1.0, 1.25))
    check((64, 40))
    check((64, 80), size=None)
