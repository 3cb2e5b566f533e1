"""Training an architecture on a data set by a recipe, into a run folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

import zoo
from training.data.caption_targets import with_vocabulary
from training.data.defect_warning import warn_of_defects
from training.data.labels_that_count import check_train_labels
from training.data.pipeline import BatchConfig, steps_per_epoch
from training.data.proposals import with_proposals
from training.data.sources import Source, open_source
from training.epochs import fit_model, monitored_metric
from training.evaluation.proposal_gathering import gather_proposals, recall_summary
from training.model_setup import batch_config_of, build_model
from training.optimization import make_loss, make_optimizer, use_xla
from training.recipe import Recipe, recipe_for
from training.run import Run, create_run, open_run, proposer_of
from training.stages import stages_of
from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import remove_partial
from zoo.tasks import TASKS


def fit(
    architecture: str,
    data: str | Source,
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    minutes: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    log: Callable[[str], None] = log,
) -> Run:
    """Trains an architecture and returns the run; `run.model()` is the model of the best epoch.

    Labels and images that are not used because of defects give a `LabelWarning`.

    Args:
        architecture: registry name.
        data: data set, or its name as `open_source` takes it.
        recipe: recipe, or changes of the recipe of the architecture, such as
            `{"epochs": 50, "model.filters": 32}`; default the recipe of the architecture.
        out: run folder; new or empty, unless `resume`.
        resume: whether to resume the run in `out` after its last checkpoint, with its recipe.
        minutes: time after which no further epoch begins; None for no limit.
        weights: initial weights, see `zoo.load_weights`.
        log: function that takes lines for the user; default standard error.

    Raises:
        InputError: if an argument or the data set is wrong, or has nothing to train on.
    """
    source = data if isinstance(data, Source) else open_source(data)
    source.check_images("train")
    warn_of_defects(source, ("train", source.validation_split()))
    if not isinstance(recipe, Recipe):
        changes = dict(recipe or {})
        recipe = recipe_for(architecture, zoo.card(architecture).task).changed(changes)
    recipe = dataclasses.replace(recipe, architecture=architecture, data=source.spec)
    options: dict[str, Any] = {"out": Path(out), "resume": resume, "minutes": minutes}
    options |= {"weights": weights, "log": log}
    for stage in stages_of(architecture, None if resume else recipe):
        run = stage.fit(fit_single_stage, source, recipe, **options)
        if run is not None:
            return run
    return fit_single_stage(source, recipe, **options)


def fit_single_stage(
    source: Source,
    recipe: Recipe,
    *,
    out: Path,
    resume: bool = False,
    minutes: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    log: Callable[[str], None] = log,
) -> Run:
    """Trains one model into one run folder; arguments as of `fit`."""
    architecture, task = recipe.architecture, zoo.card(recipe.architecture).task
    run = _reopen(out, architecture, source) if resume else None
    recipe = run.recipe if run else recipe
    proposer = proposer_of(architecture, recipe)
    plain, source = source, with_proposals(source, proposer, recipe.max_proposals)
    batches = batch_config_of(architecture, recipe, plain)
    batches.check(source)
    source.check_trainable(batches.targets)
    check_train_labels(plain, task)
    tokens = run.labels if run else ()
    batches, notes = with_vocabulary(batches, source, recipe.min_word_count, tokens)
    val_split = source.validation_split()
    keras.utils.set_random_seed(batches.seed)
    model = build_model(architecture, source, recipe, batches.vocabulary)
    if weights is not None and run is None:
        notes.append(str(zoo.load_weights(model, weights)))
    stages = stages_of(architecture)
    with source.translate_errors("train"):
        loss = make_loss(recipe, source, task)
        for stage in stages:
            notes += stage.prepare(model, source, batches, recipe)
    if run is None:
        # Created last, so that wrong input leaves no folder behind.
        run = _start_run(out, source, recipe, batches, notes, log)
        if proposer is not None:
            for split in ("train", val_split):
                proposals = gather_proposals(proposer, plain, split, recipe.max_proposals)
                log(recall_summary(split, proposals))
    run.proposer = proposer
    monitor = monitored_metric(model, plain, val_split, recipe, log)
    steps = steps_per_epoch(source, "train", batches.batch_size)
    model.compile(optimizer=make_optimizer(recipe, steps), loss=loss, jit_compile=use_xla(recipe))
    fit_model(model, run, source, val_split, batches, monitor, minutes, log)
    for stage in stages:
        stage.conclude(run, source, val_split, log)
    run.write_info(finished=True)
    return run


def _start_run(
    out: Path,
    source: Source,
    recipe: Recipe,
    batches: BatchConfig,
    notes: list[str],
    log: Callable[[str], None],
) -> Run:
    """Creates the run folder and logs the notes."""
    vocabulary = batches.vocabulary
    names = source.names_for(TASKS[batches.task].classes_of)
    run = create_run(out, vocabulary.tokens if vocabulary else names, recipe)
    if source.keypoint_names:
        run.write_info(keypoint_names=source.keypoint_names, skeleton=source.skeleton)
    for note in (*(f"{source.spec}: {note}" for note in source.notes), *notes):
        log(note)
    return run


def _reopen(out: Path, architecture: str, source: Source) -> Run:
    """Opens the run to resume."""
    run = open_run(out)
    if run.info["architecture"] != architecture:
        raise InputError(
            f"{run.folder}: a run of {run.info['architecture']}, not of {architecture}."
        )
    if run.data != source.spec:
        raise InputError(f"{run.folder}: was trained on {run.data}, not on {source.spec}.")
    if not run.checkpoint.is_file():
        raise InputError(f"{run.folder}: no checkpoint to resume from; no epoch has finished.")
    remove_partial(run.folder)
    return run
