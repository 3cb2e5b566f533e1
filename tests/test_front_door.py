"""The functions of `import zoo`: weights of builders, files that need no other, predictions."""

import inspect
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from keras import ops

import zoo
from zoo.backbones import imagenet_weights, keras_applications
from zoo.inference.inference_options import InferenceOptions

TINY = {"num_classes": 3, "filters": 4, "depth": 2}
every_architecture = pytest.mark.parametrize("name", zoo.list_models())


def tiny(**arguments):
    return zoo.build("unet", **{**TINY, **arguments})


def make_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def values(model):
    return [ops.convert_to_numpy(variable) for variable in model.weights]


def same(model, other):
    return all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))


@every_architecture
def test_every_builder_takes_weights(name):
    builder = zoo.card(name).builder
    assert inspect.signature(builder).parameters["weights"].default is None
    assert "\n        weights: " in builder.__doc__


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_of_a_file(tmp_path, capsys, suffix):
    model, path = tiny(), tmp_path / f"model{suffix}"
    model.save(path) if suffix == ".keras" else model.save_weights(path)
    assert not same(model, tiny())
    again = tiny(weights=path)
    assert same(model, again) and same(model, zoo.segmentation.unet(**TINY, weights=str(path)))
    assert not capsys.readouterr().err and "weights" not in again.arguments


def test_weights_that_fit_in_part_are_reported(tmp_path, capsys):
    tiny().save(tmp_path / "three.keras")
    tiny(num_classes=5, weights=tmp_path / "three.keras")
    line = capsys.readouterr().err
    assert line.startswith("unet: loaded ") and "three.keras." in line and line.count("\n") == 1


def test_weights_that_do_not_fit_are_one_line(tmp_path):
    tiny(filters=8).save_weights(tmp_path / "wide.weights.h5")
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    for path in ("wide.weights.h5", "broken.h5", "none.h5", "none.keras"):
        with pytest.raises(zoo.InputError, match=path) as caught:
            tiny(weights=tmp_path / path)
        assert "\n" not in str(caught.value)


@pytest.fixture
def fetched(monkeypatch):
    """Names of the networks whose weights were fetched; random numbers stand for them."""
    names, build = [], imagenet_weights.call_constructor

    def fetch(network, weights, **arguments):
        names.extend([network] if weights else [])
        assert weights in (None, "imagenet")
        return build(network, None, **arguments)

    for module in (imagenet_weights, keras_applications):
        monkeypatch.setattr(module, "call_constructor", fetch)
    return names


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "applications:MobileNetV2"])
def test_imagenet_weights_are_fetched_once_and_never_by_the_file(
    tmp_path, fetched, capsys, backbone
):
    model = zoo.build("unet", num_classes=2, backbone=backbone, weights="imagenet")
    assert fetched == ["MobileNetV2"] and "variables from imagenet." in capsys.readouterr().err
    model.save(tmp_path / "model.keras")
    assert same(zoo.load(tmp_path / "model.keras"), model) and fetched == ["MobileNetV2"]


def test_imagenet_weights_need_a_backbone():
    with pytest.raises(zoo.InputError, match="needs a model with one backbone"):
        tiny(weights="imagenet")


def test_backbone_options_hold_no_weights():
    with pytest.raises(zoo.InputError, match="backbone_options must not contain 'weights'"):
        zoo.build("pspnet", num_classes=2, backbone_options={"weights": "imagenet"})
    with pytest.raises(TypeError, match="weights"):
        zoo.register("x", weights=None)


@pytest.mark.parametrize(
    "arguments", [{"weights": "imagenet"}, {"backbone_options": {"weights": "/other/file.h5"}}]
)
def test_a_file_that_names_weights_is_refused(tmp_path, fetched, arguments):
    """Nothing is fetched or opened for it."""
    model = zoo.card("pspnet").build_tiny()
    model.save(tmp_path / "model.keras")
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["arguments"].update(arguments)
                data = json.dumps(config)
            new.writestr(name, data)
    with pytest.raises(zoo.InputError, match=r"changed\.keras: .*must not contain 'weights'"):
        zoo.load(path)
    assert not fetched


LOAD = """
import sys
import zoo.catalog
zoo.catalog.register_all()
import zoo.loading
touched = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        touched.append(arguments[0])
    elif event.startswith("socket."):
        touched.append(event)
sys.addaudithook(hook)
zoo.load(sys.argv[1])
allowed = (sys.argv[1], sys.prefix, sys.base_prefix, "/proc", "/sys")
print([path for path in touched if not path.startswith(allowed) and not path.endswith(".py")])
"""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unet", {"backbone": "mobilenet_v2"}),
        ("pspnet", {}),
        ("unet", {"backbone": "applications:MobileNetV2"}),
    ],
)
def test_loading_opens_no_other_file(tmp_path, name, arguments):
    path = tmp_path / "model.keras"
    zoo.card(name).build_tiny(**arguments).save(path)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_file_remembers_transform_and_class_names(tmp_path):
    model = tiny()
    assert (model.image_size, model.resize, model.class_names) == (None, "native", ())
    model.set_transform([32, 48], "letterbox")
    model.class_names = ["sky", "road", "car"]
    model.save(tmp_path / "model.keras")
    for again in (zoo.load(tmp_path / "model.keras"), zoo.Model.from_config(model.get_config())):
        assert (again.image_size, again.resize) == ((32, 48), "letterbox")
        assert again.class_names == ("sky", "road", "car")
    model.set_transform((32, 48), "native")
    assert (model.image_size, model.resize) == (None, "native")


def test_transforms_that_a_model_cannot_have():
    with pytest.raises(zoo.InputError, match="resize must be 'letterbox', 'stretch' or 'native'"):
        tiny().set_transform((32, 32), "crop")
    with pytest.raises(zoo.InputError, match="a side of image_size must be 20 or 22"):
        zoo.build("unet", num_classes=2, depth=2, filters=4, padding="valid").set_transform(
            (21, 20), "stretch"
        )


def segmentation(*arguments, **options):
    return ops.convert_to_numpy(zoo.predict(*arguments, **options)["segmentation"])


def test_predict_needs_nothing_repeated(tmp_path):
    model = tiny()
    model.set_transform((32, 48), "stretch")
    model.save(tmp_path / "model.keras")
    image = make_image(20, 64)
    found = segmentation(zoo.load(tmp_path / "model.keras"), image)
    expected = segmentation(model, image[None], image_size=(32, 48), resize="stretch")
    assert found.shape == (20, 64)
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(segmentation(model, image[None]), expected)


def test_arguments_of_predict_replace_those_of_the_model():
    model, image = tiny(), make_image(20, 64)
    native = segmentation(model, image)
    letterboxed = segmentation(model, image, image_size=(32, 48), resize="letterbox")
    np.testing.assert_array_equal(segmentation(model, image, image_size=(32, 48)), letterboxed)
    model.set_transform((32, 48), "stretch")
    np.testing.assert_array_equal(segmentation(model, image, resize="native"), native)
    np.testing.assert_array_equal(segmentation(model, image, resize="letterbox"), letterboxed)
    flipped = segmentation(model, image, options=InferenceOptions(flip=True))
    assert flipped.shape == (20, 64)


def test_predict_on_one_image_with_proposals():
    model = zoo.card("fast_rcnn").build_tiny()
    image, proposals = make_image(64, 64), np.float32([[4, 4, 40, 40], [0, 0, 64, 64]])
    one = zoo.predict(model, {"image": image, "proposals": proposals})
    batch = zoo.predict(model, {"image": image[None], "proposals": proposals[None]})
    for key, value in batch.items():
        np.testing.assert_array_equal(one[key], value[0])


def test_images_of_another_form_are_refused():
    with pytest.raises(zoo.InputError, match=r"images must be \(H, W, C\) or \(B, H, W, C\)"):
        zoo.predict(tiny(), np.zeros((4, 4)))
    with pytest.raises(zoo.InputError, match="images must be an array"):
        zoo.predict(tiny(), {"image": np.zeros((4, 4, 3))})
