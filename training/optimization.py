"""Optimizers, learning-rate schedules and losses from a recipe."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from training.data.sources import Source
from training.recipe import Recipe
from zoo import losses
from zoo.errors import InputError, nearest

LOSSES = {
    "cross_entropy": losses.CrossEntropy,
    "dice": losses.Dice,
    "jaccard": losses.Jaccard,
    "focal": losses.Focal,
    "lovasz": losses.Lovasz,
}


@keras.saving.register_keras_serializable(package="training")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up over `warmup` steps, then a decay of the learning rate from `peak`.

    `steps` is the number of steps of the whole run; the other arguments are as of `Recipe`.
    """

    def __init__(
        self, peak, kind, steps, steps_per_epoch=1, warmup=0, power=0.9, factor=0.1, drops=()
    ):
        self.config: dict[str, Any] = {
            "peak": peak,
            "kind": kind,
            "steps": steps,
            "steps_per_epoch": steps_per_epoch,
            "warmup": warmup,
            "power": power,
            "factor": factor,
            "drops": list(drops),
        }

    def __call__(self, step):
        config = self.config
        step = ops.cast(step, "float32")
        done = ops.clip(
            (step - config["warmup"]) / max(1, config["steps"] - config["warmup"]), 0.0, 1.0
        )
        kind = config["kind"]
        if kind == "cosine":
            scale = 0.5 * (1.0 + ops.cos(math.pi * done))
        elif kind == "poly":
            scale = ops.power(1.0 - done, config["power"])
        elif kind == "step":
            fraction = step / max(1, config["steps"])
            passed = sum(ops.cast(fraction >= drop, "float32") for drop in config["drops"])
            scale = ops.power(config["factor"], passed) if config["drops"] else 1.0
        elif kind == "exponential":
            scale = ops.power(config["factor"], ops.floor(step / config["steps_per_epoch"]))
        else:
            scale = 1.0
        growth = ops.minimum(1.0, (step + 1.0) / max(1, config["warmup"]))
        return config["peak"] * scale * growth

    def get_config(self) -> dict[str, Any]:
        return dict(self.config)


def make_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Returns the recipe's optimizer for epochs of `steps` batches."""
    schedule = Schedule(
        peak=recipe.learning_rate,
        kind=recipe.schedule,
        steps=recipe.epochs * steps,
        steps_per_epoch=steps,
        warmup=round(recipe.warmup_epochs * steps),
        power=recipe.power,
        factor=recipe.factor,
        drops=recipe.drops,
    )
    options: dict[str, Any] = {"learning_rate": schedule}
    # The default weight decay of AdamW is not 0.
    if recipe.weight_decay or recipe.optimizer == "adamw":
        options["weight_decay"] = recipe.weight_decay
    if recipe.clip_norm:
        options["global_clipnorm"] = recipe.clip_norm
    if recipe.ema:
        options |= {"use_ema": True, "ema_momentum": recipe.ema}
    if recipe.optimizer == "sgd":
        options["momentum"] = recipe.momentum
    makers = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    optimizer = makers[recipe.optimizer](**options)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def make_loss(recipe: Recipe, source: Source, task: str) -> losses.SegmentationLoss | None:
    """Returns the recipe's segmentation loss; None for the default loss of the task."""
    if not recipe.loss and recipe.class_weights == "none":
        return None
    if task != "segmentation":
        raise InputError(f"recipe: loss and class_weights are for segmentation, not for {task}.")
    names = [name.strip() for name in (recipe.loss or "cross_entropy").split("+")]
    for name in names:
        if name not in LOSSES:
            hint = nearest(name, LOSSES)
            raise InputError(f"recipe: unknown loss {name!r}{hint} Available: {', '.join(LOSSES)}.")
    options: dict[str, dict[str, Any]] = {name: {} for name in names}
    if recipe.class_weights == "median_frequency":
        if "cross_entropy" not in names:
            raise InputError("recipe: class_weights need the loss cross_entropy; add it to loss.")
        options["cross_entropy"]["class_weights"] = median_frequency_weights(source)
    terms = [LOSSES[name](**options[name]) for name in names]
    return terms[0] if len(terms) == 1 else losses.Sum(terms)


def median_frequency_weights(source: Source) -> list[float]:
    """Returns SegNet's class weights: the median class frequency divided by each class's.

    The frequency of a class is its fraction of all pixels, ignored ones included, of the images in
    which it occurs. A class that never occurs has weight 0.
    """
    classes = source.num_classes
    pixels, areas = np.zeros(classes), np.zeros(classes)

    def count(record):
        labels = source.decode(record)["segmentation"]
        return tf.math.bincount(
            tf.minimum(labels, classes), minlength=classes + 1, maxlength=classes + 1
        )

    counts = source.raw("train").map(count, num_parallel_calls=tf.data.AUTOTUNE)
    for image_counts in counts.as_numpy_iterator():
        of_classes = image_counts[:classes]
        pixels += of_classes
        areas += np.where(of_classes > 0, image_counts.sum(), 0)
    frequency = pixels / np.maximum(areas, 1.0)
    median = np.median(frequency[frequency > 0])
    return [float(median / f) if f > 0 else 0.0 for f in frequency]


def use_xla(recipe: Recipe) -> bool:
    """Returns whether XLA compiles the training step; its convolutions are slow on CPUs."""
    if recipe.jit == "auto":
        return keras.backend.backend() == "jax" or bool(tf.config.list_physical_devices("GPU"))
    return bool(recipe.jit)
