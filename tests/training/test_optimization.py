"""Schedules at steps worked out by hand, optimizers by what they do, class weights counted."""

import math

import keras
import numpy as np
import pytest
from image_folders import write_images
from PIL import Image

from training.data.sources import open_source
from training.optimization import (
    LOSSES,
    Schedule,
    make_loss,
    make_optimizer,
    median_frequency_weights,
)
from training.recipe import Recipe
from zoo import losses
from zoo.errors import InputError


def rate(schedule, step):
    return float(keras.ops.convert_to_numpy(schedule(step)))


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("constant", {}, {0: 2.0, 50: 2.0, 100: 2.0}),
        ("cosine", {}, {0: 2.0, 25: 1 + math.sqrt(0.5), 50: 1.0, 75: 1 - math.sqrt(0.5), 100: 0.0}),
        # Four steps up; then half of the remaining 96 is at step 52.
        ("cosine", {"warmup": 4}, {0: 0.5, 1: 1.0, 3: 2.0, 4: 2.0, 52: 1.0, 100: 0.0, 120: 0.0}),
        ("poly", {}, {0: 2.0, 50: 2 * 0.5**0.9, 90: 2 * 0.1**0.9, 100: 0.0}),
        ("poly", {"power": 2.0}, {0: 2.0, 50: 0.5}),
        ("step", {"drops": (0.5, 0.75)}, {0: 2.0, 49: 2.0, 50: 0.2, 74: 0.2, 75: 0.02, 100: 0.02}),
        ("step", {"factor": 0.5, "drops": (0.1,)}, {9: 2.0, 10: 1.0}),
        ("step", {}, {0: 2.0, 99: 2.0}),
        (
            "exponential",
            {"steps_per_epoch": 10, "factor": 0.5},
            {0: 2.0, 9: 2.0, 10: 1.0, 25: 0.5, 95: 2 * 0.5**9},
        ),
    ],
)
def test_schedules_by_hand(kind, options, expected):
    schedule = Schedule(peak=2.0, kind=kind, steps=100, **options)
    for step, value in expected.items():
        assert rate(schedule, step) == pytest.approx(value, rel=1e-5, abs=1e-6)
    again = Schedule.from_config(schedule.get_config())
    assert [rate(again, step) for step in range(0, 110, 10)] == [
        rate(schedule, step) for step in range(0, 110, 10)
    ]


def test_the_recipes_schedule():
    """4 epochs of 5 steps, half an epoch of warm-up: two steps (banker's rounding of 2.5)."""
    recipe = Recipe.of(
        epochs=4, warmup_epochs=0.5, learning_rate=0.3, schedule="step", drops=(0.5,)
    )
    optimizer = make_optimizer(recipe, steps=5)
    schedule = optimizer._learning_rate
    assert schedule.get_config()["steps"] == 20 and schedule.get_config()["warmup"] == 2
    assert [rate(schedule, step) for step in (0, 1, 9, 10)] == pytest.approx([0.15, 0.3, 0.3, 0.03])


def layer_after_one_step(recipe, gradient=0.0):
    """A layer with kernel, bias, gamma and beta of ones, and all that one step made of them."""
    optimizer = make_optimizer(recipe, 10)
    inputs = keras.Input((1,))
    x = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization(beta_initializer="ones")(x))
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.full(v.shape, gradient) for v in model.trainable_variables])
    return {v.name: float(keras.ops.convert_to_numpy(v).item()) for v in model.trainable_variables}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_weight_decay_is_decoupled_and_spares_biases_and_normalization(name):
    recipe = Recipe.of(optimizer=name, learning_rate=0.5, weight_decay=0.1, schedule="constant")
    found = layer_after_one_step(recipe)
    assert found == pytest.approx({"kernel": 1 - 0.5 * 0.1, "bias": 1, "gamma": 1, "beta": 1})


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_no_weight_decay_is_none_at_all(name):
    """Keras' AdamW decays by 0.004 by default."""
    found = layer_after_one_step(Recipe.of(optimizer=name, learning_rate=0.5))
    assert found == {"kernel": 1, "bias": 1, "gamma": 1, "beta": 1}


def test_clip_norm_is_of_the_whole_gradient():
    recipe = Recipe.of(optimizer="sgd", learning_rate=1.0, clip_norm=1.0, schedule="constant")
    # Four gradients of 3 have the norm 6; clipped to 1 each is 1/2.
    found = layer_after_one_step(recipe, gradient=3.0)
    assert found == pytest.approx(dict.fromkeys(found, 0.5))


def test_momentum_and_moving_average():
    recipe = Recipe.of(optimizer="sgd", momentum=0.8, ema=0.99)
    optimizer = make_optimizer(recipe, 10)
    assert optimizer.momentum == 0.8
    assert optimizer.use_ema and optimizer.ema_momentum == 0.99
    assert not make_optimizer(Recipe(), 10).use_ema


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_name(shared_folder, name):
    loss = make_loss(Recipe.of(loss=name), open_source(f"masks:{shared_folder}"), "segmentation")
    assert type(loss) is LOSSES[name]


def test_sums_of_losses(shared_folder):
    source = open_source(f"masks:{shared_folder}")
    recipe = Recipe.of(loss="cross_entropy + dice", class_weights="median_frequency")
    loss = make_loss(recipe, source, "segmentation")
    assert [type(term) for term in loss.losses] == [losses.CrossEntropy, losses.Dice]
    assert loss.factors == [1.0, 1.0]
    assert loss.losses[0].class_weights == median_frequency_weights(source)
    with pytest.raises(InputError, match="unknown loss 'dise'; did you mean 'dice'"):
        make_loss(Recipe.of(loss="cross_entropy+dise"), source, "segmentation")
    with pytest.raises(InputError, match="class_weights need the loss cross_entropy"):
        make_loss(Recipe.of(loss="dice", class_weights="median_frequency"), source, "segmentation")


def test_median_frequency_weights_by_hand(tmp_path):
    """Classes 1 and 3 are in one image each, class 2 is in none, and 255 is only area."""
    write_images(tmp_path, 2, (2, 4), folders=("train", "trainannot"))
    write_images(tmp_path, 1, (2, 4), folders=("val", "valannot"), first=2)
    maps = [[[0, 0, 0, 0], [1, 1, 255, 255]], [[0, 0, 0, 3], [0, 0, 0, 0]]]
    for number, values in enumerate(maps):
        Image.fromarray(np.array(values, np.uint8)).save(tmp_path / f"trainannot/{number}.png")
    source = open_source(f"masks:{tmp_path}?classes=a,b,c,d")
    # Frequencies: 11/16, 2/8, none, 1/8; the median of the three is 1/4.
    expected = [4 / 11, 1.0, 0.0, 2.0]
    assert median_frequency_weights(source) == pytest.approx(expected)


def test_median_frequency_weights_of_camvid(shared_data):
    """The figures that the pack's README gives for these labels."""
    source = open_source(f"masks:{shared_data / 'camvid'}?void=11")
    expected = [0.2793, 0.2017, 4.7865, 0.1490, 1.0, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747, 8.8587]
    assert median_frequency_weights(source) == pytest.approx(expected, abs=1e-3)
