"""`zoo train`."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import zoo
from training.recipe import parse_setting, recipe_for
from training.trainer import fit
from zoo.console import log
from zoo.errors import InputError


def run_train(options: Namespace) -> None:
    """Trains by the architecture's recipe with the changes asked for."""
    card = zoo.card(options.name)
    changes = dict(parse_setting(text) for text in options.set)
    for key in ("epochs", "batch_size", "image_size", "cache", "data_service"):
        if getattr(options, key) is not None:
            changes[key] = getattr(options, key)
    if options.resume:
        if not options.out:
            raise InputError("--resume needs --out RUN, the run to go on with.")
        if changes or options.weights:
            raise InputError("--resume goes on by the run's own recipe; give it no other settings.")
    out = options.out or f"runs/{options.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    began = time.monotonic()
    run = fit(
        options.name,
        options.data,
        recipe_for(options.name, card.task).changed(changes),
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
