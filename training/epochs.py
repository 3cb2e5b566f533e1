"""The epochs of a run: which metric selects the best one, and the loop over them."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import tensorflow as tf

import zoo
from training.callbacks import (
    OUT_OF_TIME,
    BestModel,
    CheckpointCallback,
    RunRecorder,
    averaged,
    new_progress,
)
from training.checkpoint import load_state
from training.data.labels_that_count import why_nothing_counts
from training.data.pipeline import (
    BatchConfig,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from training.data.sources import Source
from training.drawing import Names
from training.evaluation_callback import EvaluationCallback, needs_evaluation_callback
from training.progress import Progress
from training.recipe import Recipe
from training.run import Run
from zoo.errors import InputError

_DRAWN = 4


def monitored_metric(
    model: zoo.Model, source: Source, split: str, recipe: Recipe, log: Callable[[str], None]
) -> tuple[str, str]:
    """Returns the metric of the best epoch: the model's, or the training loss if it is undefined.

    The validation loss of a split without labels would favor models that predict nothing.
    """
    reason = why_nothing_counts(
        source, split, model.task_name, recipe.max_evaluation_images or None
    )
    if not reason:
        return model.monitor
    log(
        f"{source.spec}: {model.monitor[0]} is not defined, since {reason}; the best epoch is that "
        "of the lowest training loss."
    )
    return "loss", "min"


def fit_model(
    model: zoo.Model,
    run: Run,
    source: Source,
    val_split: str,
    batches: BatchConfig,
    monitor: tuple[str, str],
    minutes: float | None,
    log: Callable[[str], None],
) -> None:
    """Runs the remaining epochs of a compiled model, from the checkpoint where there is one."""
    recipe = run.recipe
    model.optimizer.build(model.trainable_variables)
    resumed = load_state(run.checkpoint, model) if run.checkpoint.is_file() else {}
    progress = new_progress() | resumed
    if progress["stopped"] == OUT_OF_TIME:
        progress["stopped"] = ""
    if progress["epoch"] >= recipe.epochs or progress["stopped"]:
        return
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    if progress["best"] and progress["best"]["metric"] != monitor[0]:
        progress["best"] = None
    every = monitor[0] == "loss" or not needs_evaluation_callback(model)
    recorder = RunRecorder(run, progress, monitor, recipe.patience, deadline, every)
    with source.translate_errors("train", val_split):
        try:
            _fit_epochs(model, recorder, source, val_split, batches, log)
        except tf.errors.ResourceExhaustedError as error:
            raise InputError(
                f"out of memory with batch_size={batches.batch_size} and "
                f"image_size={list(batches.image_size)}; make one of them smaller."
            ) from error


def _fit_epochs(
    model: zoo.Model,
    recorder: RunRecorder,
    source: Source,
    val_split: str,
    batches: BatchConfig,
    log: Callable[[str], None],
) -> None:
    """Runs the remaining epochs; the first may begin at a later step."""
    recipe, progress = recorder.run.recipe, recorder.progress
    steps = steps_per_epoch(source, "train", batches.batch_size)
    val = validation_batches(source, val_split, batches)
    first_step = min(progress["step"], steps - 1)
    # All epochs of one `fit` have the same length, so the rest of an epoch needs its own `fit`.
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True)
    )
    sample_batch = next(val.unbatch().take(_DRAWN).batch(_DRAWN).as_numpy_iterator())
    words = batches.vocabulary.tokens if batches.vocabulary else ()
    best = BestModel(recorder, sample_batch, Names.of(source, words))
    outside = [] if recorder.every_epoch else [EvaluationCallback(recorder, source, val_split)]
    hidden = outside[0].hidden if outside else ()
    for step in (first_step, 0) if first_step else (0,):
        first_epoch, left = progress["epoch"], steps - step
        if first_epoch == recipe.epochs or progress["stopped"]:
            break
        bar = Progress(recipe.epochs, left, batches.batch_size, first_epoch, log, hidden)
        model.fit(
            training_batches(source, "train", batches, first_epoch, step),
            steps_per_epoch=left,
            epochs=recipe.epochs,
            initial_epoch=first_epoch,
            validation_data=val,
            shuffle=False,
            verbose=0,
            callbacks=[
                *averaged(recipe.ema > 0, *outside, recorder, bar, best),
                CheckpointCallback(recorder, step),
                *([stop] if step else []),
            ],
        )
        if step and recipe.ema > 0:
            # Keras leaves the averaged weights in the model when `fit` ends.
            load_state(recorder.run.checkpoint, model)
