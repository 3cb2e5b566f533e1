"""A training state comes back whole, or the file is refused in one line."""

import json

import keras
import numpy as np
import pytest

import zoo
from training.checkpoint import load_state, save_state
from training.optimization import make_optimizer
from training.recipe import Recipe
from zoo.errors import InputError
from zoo.precision import PrecisionScope

PROGRESS = {"epoch": 3, "best": {"value": 0.5}, "history": [{"loss": 1.25}], "stopped": ""}
TINY = {"num_classes": 2, "filters": 2, "depth": 2, "dropout": 0.5}


def made(recipe=None, **arguments):
    model = zoo.build("unet", **{**TINY, **arguments})
    model.compile(optimizer=make_optimizer(recipe or Recipe.of(epochs=9), 2))
    model.optimizer.build(model.trainable_variables)
    return model


def trained(model, steps=2, seed=0):
    random = np.random.default_rng(seed)
    images = random.uniform(0, 255, (2 * steps, 8, 8, 3)).astype("float32")
    truth = random.integers(0, 2, (2 * steps, 8, 8))
    model.fit(images, truth, batch_size=2, shuffle=False, verbose=0)
    return model


def state(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A trained model and its state in a file."""
    model = trained(made())
    path = tmp_path_factory.mktemp("state") / "state.npz"
    save_state(path, model, PROGRESS)
    return model, path


def test_everything_comes_back(saved):
    """Weights, moving averages, the state of dropout's random numbers, slots, the step."""
    model, path = saved
    other = made()
    kinds = [v.path for v in [*other.variables, *other.optimizer.variables]]
    for part in ("kernel", "moving_variance", "seed_generator_state", "momentum", "iteration"):
        assert any(part in kind for kind in kinds)
    assert load_state(path, other) == PROGRESS
    for one, two in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_training_goes_on_as_if_nothing_had_happened(saved, tmp_path):
    unbroken, resumed = made(), made()
    load_state(saved[1], unbroken)
    trained(unbroken, seed=1)
    save_state(tmp_path / "s.npz", unbroken, {})
    trained(unbroken, seed=2)
    load_state(tmp_path / "s.npz", resumed)
    trained(resumed, seed=2)
    for one, two in zip(state(unbroken), state(resumed), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_with_moving_averages(tmp_path, precision):
    recipe = Recipe.of(ema=0.9, optimizer="sgd", epochs=3)
    with PrecisionScope(precision):
        model, other = made(recipe), made(recipe)
    trained(model)
    save_state(tmp_path / "s.npz", model, PROGRESS)
    load_state(tmp_path / "s.npz", other)
    for one, two in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(one, two)
    scaled = any("scale" in v.path for v in model.optimizer.variables)
    assert scaled == (precision == "mixed_float16")


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "cut", "hole", "array", "no progress"]
)
def test_damaged_files(saved, tmp_path, damage):
    content = bytearray(saved[1].read_bytes())
    path = tmp_path / "state.npz"
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("no state")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "hole":
        middle = len(content) // 3
        content[middle : middle + 200] = bytes(range(200))
        path.write_bytes(content)
    elif damage == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif damage == "no progress":
        np.savez(path, other=np.zeros(3))
    with pytest.raises(InputError) as caught:
        load_state(path, made())
    message = str(caught.value)
    assert message.startswith(f"{path}: damaged checkpoint") and "\n" not in message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: made(num_classes=3), "logits/kernel is (1, 1, 2, 2) in the checkpoint and"),
        (lambda: made(depth=3), "of another model or optimizer"),
        (lambda: made(norm="none"), "of another model or optimizer"),
        (lambda: made(Recipe.of(optimizer="sgd")), "of another model or optimizer"),
        (lambda: made(Recipe.of(ema=0.5)), "of another model or optimizer"),
    ],
)
def test_another_models_file(saved, make, words):
    with pytest.raises(InputError) as caught:
        load_state(saved[1], make())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_an_interrupted_write_leaves_the_old_state(saved, tmp_path, monkeypatch):
    model, _ = saved
    path = tmp_path / "state.npz"
    save_state(path, model, PROGRESS)
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(b"half a")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="the disk is full"):
        save_state(path, model, {"epoch": 4})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_progress_is_plain_json(saved):
    with np.load(saved[1]) as file:
        assert json.loads(bytes(file["progress"])) == PROGRESS
