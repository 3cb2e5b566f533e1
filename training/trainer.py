"""Training an architecture on a data set by a recipe, into a run folder."""

from __future__ import annotations

import dataclasses
import inspect
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import zoo
from training.callbacks import (
    TIME_IS_UP,
    BestModel,
    CheckpointCallback,
    RunRecorder,
    averaged,
    new_progress,
)
from training.checkpoint import load_state
from training.data.body_joints import torso_of
from training.data.caption_targets import with_vocabulary
from training.data.pipeline import (
    BatchConfig,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from training.data.proposals import gather, proposer_of, recall_summary, with_proposals
from training.data.sources import JointSource, Source, open_source
from training.data.vocabulary import Vocabulary
from training.drawing import Names
from training.evaluation_callback import EvaluationCallback, needs_evaluation_callback
from training.optimization import make_loss, make_optimizer
from training.progress import Progress
from training.recipe import Recipe, recipe_for
from training.run import STEPS, Run, create_run, open_run
from training.stages.hooks import conclude, prepare
from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import remove_partial
from zoo.registry import PrecisionScope
from zoo.tasks import TASKS

_DRAWN = 4


def fit(
    architecture: str,
    data: str | Source,
    recipe: Recipe | None = None,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    minutes: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    log: Callable[[str], None] = log,
) -> Run:
    """Trains and returns the run; the best epoch's model is `run.model()`.

    Args:
        architecture: registry name.
        data: a data set, or its name as `open_source` takes it.
        recipe: default `recipe_for(architecture, task)`.
        out: run folder; empty or new, unless `resume`.
        resume: go on with the run in `out`, whose recipe and data set are used, after the last
            finished epoch.
        minutes: no epoch begins after so many minutes.
        weights: a `.keras` file whose fitting weights to start from.
        say: takes progress lines; default standard error.

    Raises:
        InputError: anything that the user can put right, in one line.
    """
    go: Callable[..., Run] = fit_single_stage
    begun = (Path(out) / STEPS / "recipe.toml").is_file()
    if begun if resume else recipe is not None and recipe.four_steps:
        from training.stages.four_step_training import fit_four_steps

        go = fit_four_steps
    options: dict[str, Any] = {"out": out, "resume": resume, "minutes": minutes}
    return go(architecture, data, recipe, weights=weights, log=log, **options)


def fit_single_stage(
    architecture: str,
    data: str | Source,
    recipe: Recipe | None = None,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    minutes: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    log: Callable[[str], None] = log,
) -> Run:
    """`fit` in one step, whatever the recipe says of several."""
    source = data if isinstance(data, Source) else open_source(data)
    if resume:
        run = _reopen(out, architecture, source)
        recipe = run.recipe
    else:
        recipe = recipe or recipe_for(architecture, zoo.card(architecture).task)
    plain, proposer = source, proposer_of(architecture, recipe)
    source = with_proposals(plain, proposer, recipe.max_proposals)
    batches = batch_config_of(architecture, recipe)
    if isinstance(plain, JointSource) and architecture == "yolo9000":
        batches = dataclasses.replace(batches, targets=(*batches.targets, "label"))
    batches.check(source)
    known = run.labels if resume else ()
    batches, said = with_vocabulary(batches, architecture, source, recipe, known)
    held_out = source.held_out()
    steps = steps_per_epoch(source, "train", recipe.batch_size)
    keras.utils.set_random_seed(recipe.seed)
    model = build_model(architecture, source, recipe, batches.vocabulary)
    loaded = [] if resume or weights is None else [str(zoo.load_weights(model, weights))]
    with source.explaining("train"):
        loss = make_loss(recipe, source, zoo.card(architecture).task)
        prepared = prepare(model, source, batches, recipe)
    labels = source.names_for(TASKS[zoo.card(architecture).task].classes_of)
    if batches.vocabulary:
        labels = batches.vocabulary.tokens
    if not resume:
        # What the user can put right is found by now, or the folder would be in the way next time.
        run = create_run(Path(out), architecture, source.spec, labels, recipe)
        if source.joint_names:
            run.write_info(joint_names=source.joint_names, skeleton=source.skeleton)
        notes = [f"{source.spec}: {note}" for note in source.notes]
        for note in (*notes, *said, *loaded, *prepared):
            log(note)
    run.proposer = proposer
    if proposer is not None and not resume:
        for split in ("train", held_out):
            log(recall_summary(split, gather(proposer, plain, split, recipe.max_proposals)))
    model.compile(optimizer=make_optimizer(recipe, steps), loss=loss, jit_compile=use_xla(recipe))
    model.optimizer.build(model.trainable_variables)
    progress = new_progress() | (load_state(run.checkpoint, model) if resume else {})
    if progress["stopped"] == TIME_IS_UP:
        progress["stopped"] = ""
    if progress["epoch"] < recipe.epochs and not progress["stopped"]:
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        every = not needs_evaluation_callback(model)
        recorder = RunRecorder(run, progress, model.monitor, recipe.patience, deadline, every)
        with source.explaining("train", held_out):
            _learn(model, source, held_out, batches, recorder, log)
    conclude(run, source, held_out, log)
    run.write_info(finished=True)
    return run


def _learn(
    model: zoo.Model,
    source: Source,
    held_out: str,
    batches: BatchConfig,
    recorder: RunRecorder,
    log: Callable[[str], None],
) -> None:
    """Goes through the epochs that are left, of the first perhaps a part."""
    recipe, progress = recorder.run.recipe, recorder.progress
    steps = steps_per_epoch(source, "train", recipe.batch_size)
    val = validation_batches(source, held_out, batches)
    begun = min(progress["step"], steps - 1)
    # `fit` knows epochs of one length only, so what is left of one is a `fit` by itself.
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True)
    )
    try:
        drawn = next(val.unbatch().take(_DRAWN).batch(_DRAWN).as_numpy_iterator())
        words = batches.vocabulary.tokens if batches.vocabulary else ()
        best = BestModel(recorder, drawn, Names.of(source, words))
        apart = [] if recorder.every_epoch else [EvaluationCallback(recorder, source, held_out)]
        hidden = apart[0].hidden if apart else ()
        for step in (begun, 0) if begun else (0,):
            first, left = progress["epoch"], steps - step
            if first == recipe.epochs or progress["stopped"]:
                break
            bar = Progress(recipe.epochs, left, recipe.batch_size, first, log, hidden)
            model.fit(
                training_batches(source, "train", batches, first, step),
                steps_per_epoch=left,
                epochs=recipe.epochs,
                initial_epoch=first,
                validation_data=val,
                shuffle=False,
                verbose=0,
                callbacks=[
                    *averaged(recipe.ema > 0, *apart, recorder, bar, best),
                    CheckpointCallback(recorder, step),
                    *([stop] if step else []),
                ],
            )
            if step and recipe.ema > 0:
                # Keras leaves the averaged weights in the model when it ends.
                load_state(recorder.run.checkpoint, model)
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(
            f"out of memory with batch_size={recipe.batch_size} and "
            f"image_size={list(recipe.image_size)}; make one of them smaller."
        ) from error


def batch_config_of(architecture: str, recipe: Recipe) -> BatchConfig:
    """The batches that a recipe asks for."""
    card = zoo.card(architecture)
    return BatchConfig(
        task=card.task,
        targets=(*card.targets, *card.inputs[1:]),
        image_size=recipe.image_size,
        image_sizes=recipe.image_sizes,
        size_steps=recipe.size_steps,
        batch_size=recipe.batch_size,
        channels=recipe.channels,
        resize=recipe.resize,
        augmentation=recipe.augmentation,
        border_weight=recipe.border_weight,
        border_sigma=recipe.border_sigma,
        max_objects=recipe.max_objects,
        mask_size=recipe.mask_size,
        seed=recipe.seed,
        buckets=recipe.buckets,
        cache=recipe.cache,
        service=recipe.data_service,
    )


def build_model(
    architecture: str, source: Source, recipe: Recipe, vocabulary: Vocabulary | None = None
) -> zoo.Model:
    """The architecture with the recipe's arguments, for the data set's classes or words."""
    words = {"vocabulary": list(vocabulary.words)} if vocabulary else {}
    arguments = {
        **arguments_of(architecture, source),
        **words,
        "input_shape": (None, None, recipe.channels),
        **recipe.model,
    }
    with PrecisionScope(recipe.precision):
        model = zoo.build(architecture, **arguments)
    for size in (recipe.image_size, *recipe.image_sizes, *recipe.buckets):
        model.check_size(size)
    return model


def arguments_of(architecture: str, source: Source) -> dict[str, Any]:
    """The builder's arguments that the data set decides.

    Raises:
        InputError: the data set does not name what the model is to tell apart.
    """
    card = zoo.card(architecture)
    known = inspect.signature(card.builder).parameters
    keys = {"num_classes": TASKS[card.task].classes_of, "num_keypoints": "keypoints"}
    counts = {arg: len(source.names_for(key)) for arg, key in keys.items() if arg in known}
    for argument, count in counts.items():
        if not count:
            raise InputError(
                f"{source.spec}: has no names for {keys[argument]}, so {architecture} cannot "
                f"tell its {argument}."
            )
    if "parents" in known and isinstance(source, JointSource):
        return {**counts, "parents": list(source.parents)}
    torso = torso_of(source.joint_names) if "torso" in known else None
    return counts if torso is None else {**counts, "torso": list(torso)}


def use_xla(recipe: Recipe) -> bool:
    """Whether XLA compiles: its convolutions are slow on CPUs; on accelerators they are not."""
    if recipe.jit == "auto":
        return keras.backend.backend() == "jax" or bool(tf.config.list_physical_devices("GPU"))
    return bool(recipe.jit)


def _reopen(out: str | os.PathLike[str], architecture: str, source: Source) -> Run:
    run = open_run(out)
    if run.info["architecture"] != architecture:
        raise InputError(
            f"{run.folder}: a run of {run.info['architecture']}, not of {architecture}."
        )
    if run.data != source.spec:
        raise InputError(f"{run.folder}: was trained on {run.data}, not on {source.spec}.")
    if not run.checkpoint.is_file():
        raise InputError(f"{run.folder}: nothing to go on from; not one epoch has finished.")
    remove_partial(run.folder)
    return run
