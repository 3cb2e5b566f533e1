"""Backbones of `keras.applications` and KerasCV; random weights replace the published ones."""

import keras
import numpy as np
import pytest

import zoo
from zoo.abstract_build import build_abstract
from zoo.backbones import (
    BACKBONES,
    build_backbone,
    find_backbone,
    imagenet_weights,
    keras_applications,
    keras_cv,
    list_backbones,
)
from zoo.backbones.imagenet_weights import load_weights
from zoo.errors import InputError
from zoo.layers.normalization_policy import FrozenBatchNormalization

NAMES = (
    "applications:EfficientNetV2B0",
    "applications:InceptionV3",
    "applications:ConvNeXtTiny",
    "keras_cv:resnet18",
    "keras_cv:csp_darknet_tiny",
    "keras_cv:mobilenet_v3_small",
)
WITHOUT_DILATION = ("applications:ConvNeXtTiny", "keras_cv:csp_darknet_tiny")


@pytest.fixture(autouse=True)
def freed_memory():
    yield
    keras.utils.clear_session()


def random_weights(model):
    """The same numbers for every model of one architecture, different for each of its weights."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        else:
            fan_in = max(np.prod(variable.shape[:-1]), 9)
            variable.assign(rng.standard_normal(variable.shape, "float32") / np.sqrt(fan_in))


@pytest.fixture
def published(monkeypatch):
    """The networks built with published weights, which are random."""
    networks = []
    build = keras_applications.call_constructor

    def build_network(network, weights, **arguments):
        model = build(network, None, **arguments)
        if weights is not None:
            random_weights(model)
            networks.append(model)
        return model

    for module in (keras_applications, imagenet_weights):
        monkeypatch.setattr(module, "call_constructor", build_network)
    return networks


def trunk(name, shape=(None, None, 3), **arguments):
    if name.startswith("keras_cv"):
        pytest.importorskip("keras_cv")
    pixels = keras.Input(shape)
    maps = build_backbone(name, pixels, **arguments)
    return keras.Model(pixels, {str(level): x for level, x in maps.items()})


def normalizations(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_feature_contract(name):
    model = trunk(name)
    levels = find_backbone(name).levels
    for height, width in ((64, 96), (75, 107)):
        pixels = np.random.default_rng(0).uniform(0, 255, (1, height, width, 3))
        maps = model.predict(pixels.astype("float32"), verbose=0)
        assert {int(level) for level in maps} == set(levels)
        for level, value in maps.items():
            for side, whole in zip(value.shape[1:3], (height, width), strict=True):
                sizes = (whole // 2 ** int(level), -(-whole // 2 ** int(level)))
                assert side in sizes, (level, value.shape)
            assert np.isfinite(value).all() and value.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_output_stride(name):
    if name in WITHOUT_DILATION:
        with pytest.raises(InputError, match="output_stride must be 32, not 8"):
            trunk(name, output_stride=8)
        return
    model = trunk(name, output_stride=8)
    maps = model.predict(np.ones((1, 64, 96, 3), "float32"), verbose=0)
    assert maps["5"].shape[1:3] == (8, 12)
    assert model.count_params() == trunk(name).count_params()


def test_dilation_keeps_the_values_of_the_strided_network(published):
    """Every fourth pixel at output stride 8 is that of stride 32."""
    pixels = np.random.default_rng(1).normal(size=(1, 96, 64, 3)).astype("float32")
    strided, dilated = (
        trunk("applications:ResNet50", normalize=False, output_stride=stride) for stride in (32, 8)
    )
    for model in (strided, dilated):
        random_weights(model)
    one, two = (model.predict(pixels, verbose=0)["5"] for model in (strided, dilated))
    np.testing.assert_allclose(two[:, ::4, ::4], one, atol=1e-4 * np.abs(one).max())


@pytest.mark.parametrize("name", ["applications:MobileNetV3Small", "keras_cv:resnet18"])
def test_norm(name):
    frozen = normalizations(trunk(name, norm="frozen"))
    assert {type(layer) for layer in frozen} == {FrozenBatchNormalization}
    synchronized = normalizations(trunk(name, norm="sync"))
    assert len(synchronized) == len(frozen) and all(x.synchronized for x in synchronized)
    with pytest.raises(InputError, match="norm must be 'batch', 'frozen' or 'sync', not 'group'"):
        trunk(name, norm="group")


@pytest.mark.parametrize("name", WITHOUT_DILATION)
def test_fixed_size(name):
    """Also in networks that nest other models."""
    fixed, free = (
        build_abstract(lambda shape=shape: trunk(name, shape))
        for shape in ((128, 96, 3), (None, None, 3))
    )
    assert {int(level): x.shape[1:3] for level, x in fixed.output.items()} == {
        level: (128 // 2**level, 96 // 2**level) for level in find_backbone(name).levels
    }
    assert [x.path for x in fixed.weights] == [x.path for x in free.weights]
    arguments = zoo.card("rcnn").tiny | {"backbone": name, "norm": "batch", "width": 1}
    build_abstract(lambda: zoo.build("rcnn", **arguments))


def test_a_model_of_fixed_size_is_saved(tmp_path):
    pytest.importorskip("keras_cv")
    network = {"backbone": "keras_cv:csp_darknet_tiny", "width": 0.25, "output_stride": 32}
    head = {"num_classes": 3, "filters": 8, "skip_filters": 8}
    fixed, free = (
        zoo.build("deeplab_v3_plus", input_shape=shape, **network, **head)
        for shape in ((64, 96, 3), (None, None, 3))
    )
    free.set_weights(fixed.get_weights())
    fixed.save(tmp_path / "model.keras")
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    expected = fixed.predict(pixels, verbose=0)["segmentation"]
    for model in (free, zoo.load(tmp_path / "model.keras")):
        actual = model.predict(pixels, verbose=0)["segmentation"]
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_errors_name_what_is_possible():
    name = "applications:ConvNeXtTiny"
    with pytest.raises(InputError, match=f"'{name}': output_stride must be 32, not 16"):
        build_abstract(lambda: zoo.build("deeplab_v3_plus", backbone=name))
    with pytest.raises(InputError, match=f"'{name}': crop_width must be 1, not 0.25"):
        build_abstract(lambda: zoo.build("pose_cascade", backbone=name))


def test_width_and_channels():
    assert trunk("applications:MobileNetV2", (None, None, 5), width=0.25).count_params() < 300_000
    assert trunk("keras_cv:csp_darknet_tiny", (None, None, 1), width=0.25).count_params() < 300_000
    for name in ("applications:ResNet50", "keras_cv:resnet18"):
        with pytest.raises(InputError, match=f"backbone '{name}': width must be 1, not 0.5"):
            trunk(name, width=0.5)


def test_variable_paths_do_not_depend_on_earlier_models():
    """By them the weights of a file are found when only some fit."""
    one, two = (trunk("applications:Xception") for _ in range(2))
    assert [x.path for x in one.weights] == [x.path for x in two.weights]


@pytest.mark.parametrize("backbone", ["applications:MobileNetV2", "keras_cv:resnet18"])
@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("deeplab_v3_plus", {"filters": 16, "skip_filters": 8}),
        ("unet", {"filters": 8}),
        ("faster_rcnn", {"head": "fpn", "filters": 16, "hidden_units": 16, "max_detections": 5}),
    ],
)
def test_models_are_saved_by_name(backbone, architecture, arguments, tmp_path, monkeypatch):
    if backbone.startswith("keras_cv"):
        pytest.importorskip("keras_cv")
    model = zoo.build(architecture, num_classes=3, backbone=backbone, **arguments)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 70, 90, 3)).astype("uint8")
    expected = model.predict(pixels, verbose=0)
    model.save(tmp_path / "model.keras")
    monkeypatch.setattr(keras.utils, "get_file", None)
    again = zoo.load(tmp_path / "model.keras").predict(pixels, verbose=0)
    assert expected.keys() == again.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(again[key], value)


def test_published_weights_in_a_model(published):
    model = zoo.build(
        "pspnet",
        num_classes=3,
        backbone="applications:MobileNetV2",
        norm="frozen",
        output_stride=32,
        filters=8,
        auxiliary_weight=0,
    )
    report = zoo.load_weights(model, "imagenet")
    network = published[-1]
    assert len(report.loaded) == len(network.weights)
    layer = model.get_layer("applications_MobileNetV2")
    pixels = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype("float32")
    expected = network.predict(pixels, verbose=0)
    values = layer.predict(pixels, verbose=0)
    np.testing.assert_allclose(values[5], expected, atol=1e-5 * np.abs(expected).max())
    grey = zoo.build(
        "unet", input_shape=(None, None, 1), backbone="applications:MobileNetV2", filters=8
    )
    with pytest.raises(InputError, match="need images of 3 channels, not 1"):
        zoo.load_weights(grey, "imagenet")


def test_keras_cv_presets(monkeypatch):
    models = pytest.importorskip("keras_cv").models
    model = trunk("keras_cv:resnet50")
    layer = model.layers[-1]
    kind, arguments = keras_cv.ARCHITECTURES["resnet50"]

    def from_preset(preset, **more):
        assert preset == "resnet50_imagenet"
        network = getattr(models, kind)(**arguments, **more)
        random_weights(network)
        return network

    monkeypatch.setattr(getattr(models, kind), "from_preset", from_preset)
    loaded = layer.with_published_weights("imagenet")
    assert len(loaded.weights) == len(layer.weights)
    with pytest.raises(InputError, match="Available presets: resnet50_imagenet"):
        layer.with_published_weights("coco")


def test_keras_cv_sizes_are_those_its_presets_state():
    models = pytest.importorskip("keras_cv").models
    for name in ("resnet18", "csp_darknet_tiny", "efficientnetv2_b0"):
        presets = getattr(models, keras_cv.ARCHITECTURES[name][0]).presets
        assert trunk(f"keras_cv:{name}").count_params() == presets[name]["metadata"]["params"]


def test_names():
    names = list_backbones()
    assert {f"applications:{name}" for name in ("VGG19", "NASNetLarge", "ConvNeXtXLarge")} < {
        *names
    }
    assert set(BACKBONES) < {*names} and len(names) > 80
    for name, nearest in (
        ("applications:EfficientNetV2B00", "applications:EfficientNetV2B0"),
        ("keras_cv:resnet", "keras_cv:resnet"),
        ("resnet5", "resnet50"),
    ):
        with pytest.raises(InputError, match=f"unknown backbone '{name}'; did you mean '{nearest}"):
            find_backbone(name)


# The last layers of each level in Keras' networks, of the zoo's own backbones.
ENDS = {
    "vgg16": {
        **{n: f"block{n + 1}_conv{depth}" for n, depth in enumerate((2, 2, 3, 3, 3))},
        5: "block5_pool",
    },
    "resnet50": {
        1: "conv1_relu",
        **{n: f"conv{n}_block{depth}_out" for n, depth in enumerate((3, 4, 6, 3), 2)},
    },
    "densenet121": {1: "conv1_relu", **{n: f"pool{n}_relu" for n in (2, 3, 4)}, 5: "relu"},
    "mobilenet_v2": {
        1: "expanded_conv_project_BN",
        2: "block_2_add",
        3: "block_5_add",
        4: "block_12_add",
        5: "block_16_project_BN",
    },
    "xception": {1: "block1_conv2_act", 5: "block14_sepconv2_act"},
}


@pytest.mark.parametrize("name", ENDS)
def test_with_the_same_weights_every_level_equals_the_published_network(name, published):
    pixels = keras.Input((96, 64, 3))
    ours = keras.Model(pixels, BACKBONES[name].features(pixels))
    load_weights(ours, name)
    network, ends = published[-1], dict(ENDS[name])
    if name == "xception":
        # Keras numbers its sums: blocks 2, 3, 4, the middle flow, block 13.
        sums = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Add)]
        ends |= {2: sums[0], 3: sums[1], 4: sums[-2]}
    theirs = keras.Model(
        network.inputs, {level: network.get_layer(end).output for level, end in ends.items()}
    )
    x = np.random.default_rng(1).normal(size=(1, 96, 64, 3)).astype("float32")
    one, two = ours.predict(x, verbose=0), theirs.predict(x, verbose=0)
    assert set(one) == set(two) == set(BACKBONES[name].levels)
    for level, expected in two.items():
        assert expected.std() > 0
        np.testing.assert_allclose(one[level], expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_the_top_is_copied_with_its_weights(published):
    pixels = keras.Input((64, 64, 3))
    family = BACKBONES["mobilenet_v2"]
    model = keras.Model(pixels, family.top(family.features(pixels)))
    assert load_weights(model, "mobilenet_v2") == []
    dense = published[-1].get_layer("predictions").get_weights()
    ours = model.get_layer("mobilenet_v2_predictions").get_weights()
    np.testing.assert_array_equal(dense[0], ours[0])
    conv = published[-1].get_layer("Conv_1_bn").get_weights()
    np.testing.assert_array_equal(model.get_layer("mobilenet_v2_Conv_1_norm").get_weights(), conv)


def test_imagenet_weights_with_rates_and_frozen_norms(published):
    pixels = keras.Input((None, None, 3))
    maps = build_backbone("mobilenet_v2", pixels, output_stride=8, norm="frozen", name="trunk")
    model = keras.Model(pixels, maps)
    load_weights(model, "mobilenet_v2", prefix="trunk")
    statistics = published[-1].get_layer("block_3_project_BN").get_weights()
    layer = model.get_layer("trunk_block_3_project_norm")
    assert isinstance(layer, FrozenBatchNormalization)
    for ours, theirs in zip(layer.get_weights(), statistics, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_layers_without_published_weights_are_reported(published):
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, BACKBONES["vgg16"].features(pixels, norm="batch"))
    left = load_weights(model, "vgg16")
    assert len(left) == 13 and left[0] == "vgg16_block1_conv1_norm"
    kernel = published[-1].get_layer("block5_conv3").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("vgg16_block5_conv3").get_weights()[0], kernel)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0.5}, "use width=1"),
        ({"norm": "group"}, "norm 'batch', 'frozen' or 'sync'"),
        ({"blocks": (1, 2, 3, 4, 3, 3, 2)}, "use the default blocks"),
    ],
)
def test_weights_that_do_not_fit(arguments, message, published):
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, build_backbone("mobilenet_v2", pixels, **arguments))
    with pytest.raises(InputError, match=message):
        load_weights(model, "mobilenet_v2")


def test_backbones_without_published_weights():
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, build_backbone("darknet19", pixels, width=0.125))
    with pytest.raises(InputError, match="backbone 'darknet19' has no weights"):
        load_weights(model, "darknet19")
    with pytest.raises(InputError, match="unexpected keyword argument 'weights'"):
        build_backbone("resnet50", pixels, weights="imagenet")
