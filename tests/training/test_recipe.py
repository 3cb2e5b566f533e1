"""Recipes refuse what they do not know, and come back from a file as they were."""

import math
import tomllib
from importlib import resources

import pytest

import zoo
from training.data.augment import Augmentation
from training.recipe import Recipe, parse_setting, read_recipe, recipe_for
from training.toml_writer import toml_lines
from zoo.errors import InputError


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rat": 1}, "unknown key 'learning_rat'; did you mean 'learning_rate'?"),
        ({"augmentation.rotat": 1}, "unknown field 'rotat'; did you mean 'rotate'?"),
        ({"optimizer.lr": 1}, "unknown key 'optimizer.lr'"),
        ({"optimizer": "sdg"}, "optimizer must be 'adam', 'adamw', 'sgd' or 'rmsprop', not 'sdg'"),
        ({"schedule": "linear"}, "schedule must be 'constant', "),
        ({"precision": "float16"}, "precision must be 'float32'"),
        ({"resize": "native"}, "resize must be 'letterbox', 'stretch' or 'crop'"),
        ({"class_weights": True}, "class_weights must be 'none' or"),
        ({"channels": 4}, "channels must be 1 or 3, not 4"),
        ({"jit": "yes"}, "jit must be 'auto', True or False"),
        ({"batch_size": 0}, "batch_size must be a whole number above 0, not 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number above 0, not 2.5"),
        ({"epochs": "ten"}, "epochs must be a whole number above 0, not 'ten'"),
        ({"epochs": True}, "epochs must be a whole number above 0, not True"),
        ({"seed": -1}, "seed must be a whole number from 0, not -1"),
        ({"patience": 1.5}, "patience must be a whole number from 0"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, not 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a number above 0, not nan"),
        ({"learning_rate": math.inf}, "learning_rate must be a number above 0, not inf"),
        ({"weight_decay": -1e-4}, "weight_decay must be a number from 0"),
        ({"border_sigma": 0.0}, "border_sigma must be a number above 0"),
        ({"ema": 1.0}, "ema must be a decay in [0, 1)"),
        ({"momentum": "high"}, "momentum must be a decay in [0, 1)"),
        ({"image_size": 256}, "image_size must be [height, width] in pixels, not 256"),
        ({"image_size": "256x256"}, "image_size must be [height, width] in pixels, not '256x256'"),
        ({"image_size": [256]}, "image_size must be [height, width]"),
        ({"image_size": [256, 0]}, "image_size must be [height, width]"),
        ({"image_size": [256.0, 256]}, "image_size must be [height, width]"),
        ({"drops": [0.5, 1.5]}, "drops must be fractions of the run in (0, 1)"),
        ({"drops": 0.5}, "drops must be fractions of the run in (0, 1), not 0.5"),
        ({"model": 3}, "model must be a table, not 3"),
        ({"augmentation": "mild"}, "augmentation must be"),
        ({"loss": 1}, "loss must be a string, not 1"),
        ({"model.backbone": None}, "cannot hold None; leave it out"),
        ({"augmentation.rotate": 400.0}, "rotate must be a number in [0, 180]"),
    ],
)
def test_what_is_refused(changes, words):
    with pytest.raises(InputError) as caught:
        Recipe().changed(changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_changes():
    recipe = Recipe.of(model={"depth": 3}).changed(
        {
            "epochs": 2,
            "image_size": [64, 96],
            "model.filters": 8,
            "augmentation": {"rotate": 5.0},
            "augmentation.fill": "reflect",
        }
    )
    assert recipe.epochs == 2 and recipe.batch.image_size == (64, 96)
    assert recipe.model == {"depth": 3, "filters": 8}
    assert recipe.batch.augmentation == Augmentation(rotate=5.0, fill="reflect")
    assert Recipe().changed({}) == Recipe()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs=3", ("epochs", 3)),
        ("learning_rate=1e-3", ("learning_rate", 1e-3)),
        ("image_size=[64, 96]", ("image_size", [64, 96])),
        ("jit=true", ("jit", True)),
        ("loss=cross_entropy+dice", ("loss", "cross_entropy+dice")),
        (" loss = dice ", ("loss", "dice")),
        ('expected="a = b"', ("expected", "a = b")),
        ("expected=a=b", ("expected", "a=b")),
        ("model.norm=group", ("model.norm", "group")),
        ("seed=", ("seed", "")),
        ("model={depth = 3}", ("model", {"depth": 3})),
    ],
)
def test_settings_of_the_command_line(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_settings_without_a_key_or_value(text):
    with pytest.raises(InputError, match="must be key=value, such as learning_rate"):
        parse_setting(text)


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = Recipe.of(
        image_size=(33, 65),
        learning_rate=1.25e-7,
        drops=(0.5, 0.75),
        jit=False,
        expected='mean IoU 0.5 "or so"\n\tin 10 min \\ 漢字 😀 \x7f',
        model={
            "filters": 8,
            "norm": "none",
            "input_shape": [64, 64, 3],
            "rates": [1, 2.5],
            "extra": {"a key": "b", "c": True},
        },
        augmentation=Augmentation(scale=(0.5, 2.0), fill=(1.0, 2.0, 3.0), hue=0.1),
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml())
    assert read_recipe(path) == recipe
    path.write_text(Recipe().to_toml())
    assert read_recipe(path) == Recipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = = 3", "not TOML"),
        ("epoch = 3", "unknown key 'epoch'; did you mean 'epochs'?"),
        (b"\xff\xfe", "not TOML"),
        (None, "not readable (No such file or directory)"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, text, words):
    path = tmp_path / "r.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    assert words in str(caught.value) and str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_toml_cannot_hold_everything():
    with pytest.raises(InputError, match="TOML cannot hold None"):
        toml_lines({"a": [1, None]})
    assert tomllib.loads("\n".join(toml_lines({"x.y": 1, "inf": math.inf}))) == {
        "x.y": 1,
        "inf": math.inf,
    }


def shipped():
    return sorted(
        file.name.removesuffix(".toml")
        for file in (resources.files("training") / "recipes").iterdir()
        if file.name.endswith(".toml")
    )


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_are_of_a_task_or_an_architecture(name):
    assert name in (*zoo.list_models(), *zoo.tasks.TASKS)


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_architecture_has_a_recipe_that_fits(name):
    card = zoo.card(name)
    recipe = recipe_for(name, card.task)
    assert Recipe.of(**tomllib.loads(recipe.to_toml())) == recipe
    card.build_tiny(**recipe.model)


def test_the_architectures_own_file_comes_last(tmp_path, monkeypatch):
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "segmentation.toml").write_text(
        "epochs = 7\nseed = 5\n[augmentation]\nrotate = 9.0\n"
    )
    (folder / "unet.toml").write_text("epochs = 8\n[augmentation]\nshear = 1.0\n")
    monkeypatch.setattr("training.recipe.resources.files", lambda package: tmp_path)
    recipe = recipe_for("unet", "segmentation")
    assert (recipe.epochs, recipe.batch.seed) == (8, 5)
    assert recipe.batch.augmentation == Augmentation(rotate=9.0, shear=1.0)
    assert recipe_for("other", "segmentation").epochs == 7
    assert recipe_for("other", "nothing") == Recipe()
