"""Plans of `zoo compare`: settings of each model, complete before any training."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import zoo
from training.data.labels_that_count import why_nothing_counts
from training.data.proposals import with_proposals
from training.data.sources import Source
from training.model_setup import batch_config_of
from training.recipe import KEYS, Recipe, flat_keys, parse_setting, read_toml, recipe_for
from training.run import proposer_of
from zoo.errors import InputError, nearest
from zoo_cli.compare.compare_tasks import headline

PIPELINE = ("image_size", "resize", "channels", "batch_size", "epochs", "seed", "augmentation")
"""Keys of the recipe whose values are the task's for every model."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Training and measurement of one model.

    `name` is that of the row and its folder: an alias, or the architecture's (the default of
    `architecture`). `minutes` of training replace the recipe's `epochs`; None for these.
    """

    name: str
    task: str
    data: str
    split: str
    minutes: float | None
    recipe: Recipe
    architecture: str = ""

    def __post_init__(self) -> None:
        if not self.architecture:
            object.__setattr__(self, "architecture", self.name)

    def to_dict(self) -> dict[str, Any]:
        """Returns the plan as plain values, as read back from a file."""
        data = {**dataclasses.asdict(self), "recipe": self.recipe.to_dict()}
        return json.loads(json.dumps(data))

    @property
    def budget(self) -> str:
        """The training budget in words."""
        if self.minutes is None:
            return f"{self.recipe.epochs} epoch{'s' * (self.recipe.epochs != 1)}"
        return f"{self.minutes:g} minute{'s' * (self.minutes != 1)}"


def read_plan(path: Path) -> Plan:
    """Returns the plan of a file written from `Plan.to_dict`."""
    try:
        data = json.loads(path.read_text())
        return Plan(**{**data, "recipe": Recipe.of(**data["recipe"])})
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not a plan of zoo compare ({error}).") from error


def make_plans(options: Namespace, source: Source) -> list[Plan]:
    """Returns a plan per model of the command line, checked against the data set and its task."""
    names, task = _names(options)
    headline(task)
    source.check_images("train")
    split = source.check_images(options.split or source.validation_split())
    if options.minutes is not None and not (0 < options.minutes < math.inf):
        raise InputError(f"--minutes must be above 0, not {options.minutes:g}.")
    changes, of_one = _settings(options, list(names))
    plans = []
    for name, architecture in names.items():
        recipe = _recipe(architecture, task, options.tiny, {**changes, **of_one.get(name, {})})
        plan = Plan(name, task, source.spec, split, options.minutes, recipe, architecture)
        plans.append(plan)
    for plan in plans:
        proposer = proposer_of(plan.architecture, plan.recipe)
        inputs = with_proposals(source, proposer, plan.recipe.max_proposals)
        batches = batch_config_of(plan.architecture, plan.recipe)
        batches.check(inputs)
        source.check_trainable(batches.targets)
    if reason := why_nothing_counts(source, split, task):
        # How the labels were read may be the cause.
        notes = [note for note in source.notes if note.startswith(f"{split}: ")]
        problem = f"{source.spec}: {headline(task).name} is not defined, since {reason}"
        remedy = "compare on another split (--split)."
        raise InputError(" ".join([f"{problem}; {remedy}", *notes]))
    return plans


def read_comparison(options: Namespace) -> Namespace:
    """Returns the options completed by the file of `--recipe`; the command line overrides the file.

    The file has `data`, keys of the recipe for all models, and a table `[models.ROW]` per row with
    its `architecture` (default: ROW) and its own keys.
    """
    values = read_toml(options.recipe) if options.recipe else {}
    rows, data = values.pop("models", {}), values.pop("data", None)
    if not isinstance(rows, dict) or not all(isinstance(table, dict) for table in rows.values()):
        raise InputError(f"{options.recipe}: models must be a table [models.ROW] per row.")
    architectures = {row: table.pop("architecture", row) for row, table in rows.items()}
    for key, value in {"data": data or "", **architectures}.items():
        if not isinstance(value, str):
            raise InputError(f"{options.recipe}: {key}: a name must be a string, not {value!r}.")
    for key in values:
        if key not in KEYS:
            raise InputError(f"{options.recipe}: unknown key {key!r}{nearest(key, KEYS)}")
    names = [f"{row}={architecture}" for row, architecture in architectures.items()]
    completed = Namespace(**vars(options))
    completed.data = options.data or data
    if not completed.data:
        raise InputError("no data set; name one with --data, or in the file of --recipe.")
    completed.names = options.names or ([] if options.task else names)
    completed.changes = flat_keys(values)
    completed.row_changes = {row: flat_keys(table) for row, table in rows.items()}
    return completed


def _names(options: Namespace) -> tuple[dict[str, str], str]:
    """Returns the architectures to compare by the names of their rows, and their task."""
    if bool(options.names) == bool(options.task):
        raise InputError("name the models to compare, or all models of a task with --task.")
    names: dict[str, str] = {}
    for word in options.names or zoo.list_models(options.task):
        alias, equals, architecture = word.partition("=")
        if equals and not re.fullmatch(r"\w[\w.-]*", alias):
            raise InputError(
                f"an alias must be a word of letters, digits, '_', '-' and '.', not {alias!r}."
            )
        if names.setdefault(alias, architecture or alias) != (architecture or alias):
            raise InputError(f"{alias}: two rows of one name; give one of them another alias.")
    if not names:
        raise InputError(f"--task {options.task}: no models.")
    tasks = {name: zoo.card(name).task for name in names.values()}
    first = next(iter(tasks))
    for name, task in tasks.items():
        if task != tasks[first]:
            raise InputError(
                f"{first} is a model of {tasks[first]}, {name} of {task}; compare models of one "
                "task."
            )
    return names, tasks[first]


def _settings(
    options: Namespace, names: list[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Returns the changes of every recipe, and those of one: `--set NAME:key=value`."""
    changes = dict(options.changes)
    of_one = {row: dict(table) for row, table in options.row_changes.items()}
    for text in options.set:
        key, value = parse_setting(text)
        name, colon, inner = key.partition(":")
        if not colon:
            changes[key] = value
        elif name in names:
            of_one.setdefault(name, {})[inner] = value
        else:
            raise InputError(f"--set {text}: unknown row {name!r}{nearest(name, names)}")
    for key in ("epochs", "batch_size", "image_size"):
        if getattr(options, key) is not None:
            changes[key] = getattr(options, key)
    return changes, of_one


def _recipe(name: str, task: str, tiny: bool, changes: dict[str, Any]) -> Recipe:
    """Returns the architecture's recipe with the task's pipeline and `changes`."""
    common = recipe_for(task, task).to_dict()
    card = zoo.card(name)
    small = {f"model.{key}": value for key, value in card.tiny.items()} if tiny else {}
    # The data set determines these.
    for key in ("model.num_classes", "model.vocabulary_size", "model.input_shape"):
        small.pop(key, None)
    known = list(inspect.signature(card.builder).parameters)
    for key in changes:
        table, _, argument = key.partition(".")
        if table == "model" and argument and argument not in known:
            raise InputError(
                f"{name} has no argument {argument!r}{nearest(argument, known)} Set it for one "
                f"model with --set NAME:{key}=…."
            )
    recipe = recipe_for(name, task).changed({key: common[key] for key in PIPELINE})
    return recipe.changed({**small, **changes})
