"""`zoo train`."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import zoo
from training.recipe import Recipe, parse_setting, read_training_recipe, recipe_for
from training.run import open_run
from training.trainer import fit
from zoo.console import log
from zoo.errors import InputError


def run_train(options: Namespace) -> None:
    """Trains an architecture by its recipe and the changes of the command line."""
    recipe = _resumed_recipe(options) if options.resume else _recipe(options)
    name, data = options.name or recipe.architecture, options.data or recipe.data
    if not data:
        raise InputError("no data set; name one with --data, or in the file of --recipe.")
    out = options.out or f"runs/{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    began = time.monotonic()
    run = fit(
        name,
        data,
        None if options.resume else recipe,
        out=Path(out),
        resume=options.resume,
        minutes=options.minutes,
        weights=options.weights,
    )
    best = run.info["best"]
    log(
        f"{run.folder}: best {best['metric']} {best['value']:.4f} in epoch {best['epoch']} "
        f"({(time.monotonic() - began) / 60:.1f} minutes)"
    )


def _changes(options: Namespace) -> dict:
    changes = dict(parse_setting(text) for text in options.set)
    for key in ("epochs", "batch_size", "image_size", "cache", "data_service"):
        if getattr(options, key) is not None:
            changes[key] = getattr(options, key)
    return changes


def _recipe(options: Namespace) -> Recipe:
    if options.recipe:
        recipe = read_training_recipe(options.recipe, options.name)
    elif options.name:
        recipe = recipe_for(options.name, zoo.card(options.name).task)
    else:
        raise InputError("no architecture; name one, or a recipe that does with --recipe FILE.")
    return recipe.changed(_changes(options))


def _resumed_recipe(options: Namespace) -> Recipe:
    if not options.out:
        raise InputError("--resume needs --out RUN, the run to resume.")
    if _changes(options) or options.recipe or options.weights:
        raise InputError("--resume uses the run's own recipe; leave out all other settings.")
    if options.name and options.data:
        return Recipe()  # not read: a run of four steps has no run.json at first
    return open_run(options.out).recipe
