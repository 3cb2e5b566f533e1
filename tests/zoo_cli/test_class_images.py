"""Activation maps of `zoo predict`."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from training.drawing import overlay_heat
from zoo.classification import activation_model
from zoo.inference.image_transform import transform_images
from zoo_cli import main
from zoo_cli.loaded_model import LoadedModel
from zoo_cli.predict_command import activation_maps


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    image = np.random.default_rng(0).integers(0, 256, (70, 100, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(image).save(path)
    return path, image


def saved(name, folder):
    keras.utils.set_random_seed(0)
    model = zoo.card(name).build_tiny()
    model.save(folder / f"{name}.keras")
    return model, str(folder / f"{name}.keras")


def test_predict_draws_activation_maps(photo, tmp_path, capsys):
    path, image = photo
    model, file = saved("darknet19", tmp_path)
    main(["predict", file, str(path), "--out", str(tmp_path / "out"), "--json"])
    (found,) = json.loads(capsys.readouterr().out)["images"]
    label = int(found["label"])
    assert label == int(zoo.predict(model, image[None])["label"][0])
    with Image.open(found["activation"]) as drawn:
        loaded = LoadedModel(path, model, ["0", "1", "2"], None, "native", None)
        expected = overlay_heat(image, activation_maps(loaded)(image, label))
        np.testing.assert_allclose(np.asarray(drawn).astype(int), expected, atol=1)


def test_the_map_covers_the_letterboxed_image(photo):
    path, image = photo
    keras.utils.set_random_seed(0)
    model = zoo.card("darknet19").build_tiny()
    loaded = LoadedModel(path, model, ["0", "1", "2"], (128, 128), "letterbox", None)
    activation = activation_maps(loaded)(image, 1)
    assert activation.shape == (70, 100)
    inputs, transform = transform_images(image[None], (128, 128))
    cells = np.asarray(activation_model(model)(inputs))[0, ..., 1]
    assert cells.shape == (4, 4) and transform.resized_height == 90
    # Pixel 8 is pixel 10 of the model input, before the middle of the first cell, which is at 16.
    assert activation[8, 8] == pytest.approx(float(cells[0, 0]), rel=1e-4)
    assert cells.min() - 1e-4 <= activation.min() and activation.max() <= cells.max() + 1e-4


def test_a_model_without_activation_maps_writes_none(photo, tmp_path, capsys):
    path, _ = photo
    _, file = saved("localizer", tmp_path)
    main(["predict", file, str(path), "--out", str(tmp_path / "out"), "--json"])
    (found,) = json.loads(capsys.readouterr().out)["images"]
    assert "activation" not in found and len(found["box"]) == 4 and len(found["scores"]) == 3
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["photo_overlay.png"]
