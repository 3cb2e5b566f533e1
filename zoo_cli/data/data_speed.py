"""`zoo data DATA --speed`: how fast training images are made, and what takes longest."""

from __future__ import annotations

from argparse import Namespace

import zoo
from training.data.caption_targets import with_vocabulary
from training.data.sources import Source
from training.data.speed import measure_speed
from training.recipe import Recipe, parse_setting, recipe_for
from training.trainer import batch_config_of
from zoo.cards import Card
from zoo.console import log
from zoo.errors import InputError
from zoo.tasks import TASKS
from zoo_cli.output import print_json, table

# The first task whose targets the data set has gives the recipe, where no model is named.
_TASKS = ("instances", "detection", "segmentation", "pose", "localization", "classification")
_MEANINGS = {
    "read": "open the files, make the labels",
    "decode": "pixels that the canvas shows",
    "augment": "put on the canvas, changed",
    "batch": "pad and collect",
}


def run_speed(source: Source, split: str, options: Namespace) -> int:
    """Measures the stages of training batches by an architecture's recipe, and prints them."""
    card = zoo.card(options.model) if options.model else _suiting(source)
    recipe = _recipe(card, options)
    batches = batch_config_of(card.name, recipe)
    if "proposals" in batches.targets:
        raise InputError(f"--model {card.name}: its proposals are not part of what is measured.")
    batches, _ = with_vocabulary(batches, card.name, source, recipe)
    with source.explaining(split):
        speed = measure_speed(source, split, batches, options.seconds)
    high, wide = recipe.image_size
    report = {
        "data": source.spec,
        "split": split,
        "recipe": card.name,
        "image_size": [high, wide],
        "batch_size": recipe.batch_size,
        **speed.to_json(),
    }
    if options.json:
        print_json(report)
        return 0
    print(
        f"{source.spec}, {split}: {report['images_per_second']} images/s on "
        f"{report['cores']} cores ({card.name}'s recipe, {high}×{wide} pixels)"
    )
    rows = [
        (
            stage,
            f"{found['milliseconds']:.2f}",
            found["images_per_second"] or "–",
            _MEANINGS[stage],
        )
        for stage, found in report["stages"].items()
    ]
    headings = ("stage", "ms per image", "images/s", "")
    print(table(rows, headings, right="images/s"))
    print(f"slowest: {report['slowest']}")
    if report["slowest"] in ("read", "decode"):
        log("this is done only once with zoo train --cache memory, or disk")
    return 0


def _recipe(card: Card, options: Namespace) -> Recipe:
    changes = dict(parse_setting(text) for text in options.set)
    if options.image_size:
        changes["image_size"] = options.image_size
    return recipe_for(card.name, card.task).changed(changes)


def _suiting(source: Source) -> Card:
    """A card of the first task that the data set has the targets of."""
    for task in _TASKS:
        if set(TASKS[task].targets) <= set(source.keys):
            for name in zoo.list_models(task):
                card = zoo.card(name)
                if set(card.targets or ()) <= set(source.keys) and card.inputs == ("image",):
                    return card
    raise InputError(
        f"{source.spec}: has no labels that a task learns from; it has {', '.join(source.keys)}."
    )
