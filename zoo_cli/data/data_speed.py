"""`zoo data DATA --speed`: images per second of the stages of the training pipeline."""

from __future__ import annotations

from argparse import Namespace

import zoo
from training.data.caption_targets import with_vocabulary
from training.data.pipeline_speed import measure_speed
from training.data.sources import Source
from training.model_setup import batch_config_of
from training.recipe import Recipe, parse_setting, recipe_for
from zoo.cards import Card
from zoo.console import log
from zoo.errors import InputError
from zoo.tasks import TASKS
from zoo_cli.output import print_json, table

# Without --model, the first task whose targets the data set has determines the recipe.
_TASKS = ("instances", "detection", "segmentation", "pose", "localization", "classification")
_MEANINGS = {
    "read": "open files, parse labels",
    "decode": "decode the visible pixels",
    "augment": "resize and augment",
    "batch": "pad and batch",
}


def run_speed(source: Source, split: str, options: Namespace) -> int:
    """Measures the stages of the training pipeline with an architecture's recipe."""
    card = zoo.card(options.model) if options.model else _card_for(source)
    recipe = _recipe(card, options)
    batches = batch_config_of(card.name, recipe)
    if "proposals" in batches.targets:
        raise InputError(
            f"--model {card.name}: --speed does not measure proposals; name another model."
        )
    batches, _ = with_vocabulary(batches, source, recipe.min_word_count)
    with source.translate_errors(split):
        speed = measure_speed(source, split, batches, options.seconds)
    height, width = recipe.batch.image_size
    report = {
        "data": source.spec,
        "split": split,
        "recipe": card.name,
        "image_size": [height, width],
        "batch_size": recipe.batch.batch_size,
        **speed.to_json(),
    }
    if options.json:
        print_json(report)
        return 0
    print(
        f"{source.spec}, {split}: {report['images_per_second']} images/s on "
        f"{report['cores']} cores ({card.name}'s recipe, {height}×{width} pixels)"
    )
    rows = [
        (stage, f"{row['milliseconds']:.2f}", row["images_per_second"] or "–", _MEANINGS[stage])
        for stage, row in report["stages"].items()
    ]
    headings = ("stage", "ms per image", "images/s", "")
    print(table(rows, headings, right="images/s"))
    print(f"slowest: {report['slowest']}")
    if report["slowest"] in ("read", "decode"):
        log("cached after the first epoch with zoo train --cache memory or disk.")
    return 0


def _recipe(card: Card, options: Namespace) -> Recipe:
    changes = dict(parse_setting(text) for text in options.set)
    if options.image_size:
        changes["image_size"] = options.image_size
    return recipe_for(card.name, card.task).changed(changes)


def _card_for(source: Source) -> Card:
    """Returns a card of the first task whose targets the data set has."""
    for task in _TASKS:
        if set(TASKS[task].targets) <= set(source.keys):
            for name in zoo.list_models(task):
                card = zoo.card(name)
                if set(card.targets or ()) <= set(source.keys) and card.inputs == ("image",):
                    return card
    raise InputError(f"{source.spec}: has the targets of no task, only {', '.join(source.keys)}.")
