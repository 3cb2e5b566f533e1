"""Registering architectures, finding them by name, and their cards."""

import inspect
import json
import math
import sys

import keras
import pytest

import zoo
from zoo import catalog
from zoo.abstract_build import build_abstract
from zoo.cards import Card, Paper, PublishedResult
from zoo.precision import PrecisionScope
from zoo.tasks import TASKS

every_architecture = pytest.mark.parametrize("name", zoo.list_models())


def test_names():
    names = zoo.list_models()
    assert "unet" in names and names == sorted(set(names))
    assert sorted(name for task in TASKS for name in zoo.list_models(task)) == names
    assert "unet" in zoo.list_models("segmentation")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: zoo.card("unett"), "unknown architecture 'unett'; did you mean 'unet'?"),
        (lambda: zoo.build("nothing like it"), "unknown architecture 'nothing like it'."),
        (lambda: zoo.list_models("segmentatoin"), "did you mean 'segmentation'?"),
        (lambda: zoo.build("unet", num_clases=3), "no argument 'num_clases'; did you mean"),
        (lambda: zoo.build("unet", depth=1), "unet: depth must be at least 2, not 1."),
        (lambda: zoo.build("unet", num_classes="three"), "unet: "),
        (lambda: zoo.build("unet", input_shape=(64, 64)), "unet: "),
        (lambda: zoo.build("unet", dropout=3.0), "unet: "),
        (
            lambda: zoo.build("unet", backbone="resnet"),
            "unknown backbone 'resnet'; did you mean 'resnet50'?",
        ),
        (lambda: zoo.build("unet", norm="btach"), "unet: "),
    ],
)
def test_mistakes_get_one_line(call, words):
    with pytest.raises(zoo.InputError) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def registered(builder, **changes):
    """A builder under its own name, removed from the registry at once."""
    name = f"test_{builder.__name__}"
    arguments = {
        "task": "segmentation",
        "summary": "",
        "paper": Paper("A. Author", "A title", "A venue", 2015),
        "published": {},
        "tiny": {},
        **changes,
    }
    built = zoo.register(name, **arguments)(builder)
    card = catalog._registered.pop(name)
    return built, card


def test_a_builder_of_the_user():
    def thresholds(*, num_classes: int, input_shape=(None, None, 3)):
        """Returns thresholds."""
        x = images = keras.Input(input_shape, name="image")
        x = keras.layers.Conv2D(num_classes, 1, name="logits")(x)
        return zoo.Model(images, {"segmentation": x}, task="segmentation", name="thresholds")

    figure = PublishedResult("IoU", "1 %", "nothing", "here")
    build, card = registered(
        thresholds,
        published={"num_classes": 2},
        tiny={"num_classes": 5},
        published_results=(figure,),
    )
    assert (
        build.__doc__ == "Returns thresholds."
        and "num_classes" in inspect.signature(build).parameters
    )
    model = build(num_classes=4)
    assert model.architecture == "test_thresholds" and model.arguments == {"num_classes": 4}
    assert model.task is TASKS["segmentation"]
    assert card.build_published().count_params() == 3 * 2 + 2
    assert card.build_tiny(num_classes=1).count_params() == 3 + 1
    with pytest.raises(zoo.InputError, match="test_thresholds needs num_classes, for example"):
        build()
    assert str(card.paper) == "A. Author, “A title”, A venue, 2015"


def test_two_architectures_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Two architectures are named 'unet'"):
        zoo.register(
            "unet",
            task="segmentation",
            summary="",
            paper=Paper("", "", "", 2000),
            published={},
            tiny={},
        )(lambda: None)


def test_a_model_not_built_by_name_cannot_be_saved(tmp_path):
    images = keras.Input((4, 4, 3))
    model = zoo.Model(images, {"segmentation": images}, task="segmentation")
    with pytest.raises(zoo.InputError, match="register the builder"):
        model.save(tmp_path / "m.keras")


@every_architecture
def test_card(name):
    card = zoo.card(name)
    assert card.task in TASKS and card.summary and card.name == name
    assert 1950 < card.paper.year < 2030 and card.paper.title and card.paper.authors
    known = set(inspect.signature(card.builder).parameters)
    assert set(card.published) <= known and set(card.tiny) <= known
    assert all(figure.value and figure.source for figure in card.published_results)
    written = json.loads(json.dumps(card.to_json(counts=False)))
    assert written["paper"]["year"] == card.paper.year and "builder" not in written


@every_architecture
def test_card_in_the_file(name):
    """It needs no builder and gives the same one."""
    card = zoo.card(name)
    stored = catalog._stored()[name]
    assert stored.to_json(counts=False) == card.to_json(counts=False)
    assert stored.builder is card.builder
    again = Card.from_json(json.loads(json.dumps(stored.to_json())))
    assert again == stored and again.parameters() == stored.parameters()


@every_architecture
def test_published_size_is_the_expected_one(name):
    card = zoo.card(name)
    counts = card.parameters()
    assert 0 < counts["trainable"] <= counts["stored"]
    if card.expected_parameters is not None:
        assert card.expected_parameters in counts.values()


@every_architecture
def test_flops_of_the_published_configuration(name):
    """Every weight is used at least once, at two operations; few of them are only added."""
    card = zoo.card(name)
    assert card.flops() > card.parameters()["trainable"]


def test_no_initializer_is_made_on_import():
    """Its seed would not be the user's, and all layers that share it would begin alike."""
    zoo.list_models()
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "zoo":
            for made in vars(module).values():
                random = isinstance(made, keras.Initializer) and hasattr(made, "seed")
                assert not random, name


def test_abstract_model_has_the_variables_of_the_built_one():
    build = zoo.card("unet").build_tiny
    abstract, built = build_abstract(build), build()
    assert [(v.path, v.shape) for v in abstract.weights] == [
        (v.path, v.shape) for v in built.weights
    ]
    assert [v.path for v in abstract.trainable_variables] == [
        v.path for v in built.trainable_variables
    ]
    assert sum(math.prod(v.shape) for v in abstract.weights) == built.count_params()


def test_abstract_model_takes_no_memory_for_values():
    """Counts a U-Net of eight thousand million weights, and leaves nothing behind."""
    model = build_abstract(lambda: zoo.build("unet", filters=1024, dropout=0.5))
    assert sum(math.prod(v.shape) for v in model.weights) > 7e9
    # If variables still waited for values, the next outermost scope would allocate 30 GB.
    with keras.StatelessScope():
        pass
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    assert layer.get_weights()[0].shape == (3, 2)


def test_build_abstract_passes_errors_on():
    with pytest.raises(zoo.InputError, match="depth must be at least 2, not 0"):
        build_abstract(lambda: zoo.build("unet", depth=0))


def test_precision_is_remembered_and_put_back():
    assert keras.config.dtype_policy().name == "float32"
    with PrecisionScope("mixed_bfloat16"):
        model = zoo.card("unet").build_tiny()
        with PrecisionScope(None):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    assert model.get_layer("down1_conv1").compute_dtype == "bfloat16"
    again = zoo.Model.from_config(model.get_config())
    assert again.get_layer("down1_conv1").compute_dtype == "bfloat16"
    plain = model.rebuild("float32")
    assert plain.get_layer("down1_conv1").compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    with pytest.raises(ValueError), PrecisionScope("mixed_bfloat16"):
        raise ValueError
    assert keras.config.dtype_policy().name == "float32"
