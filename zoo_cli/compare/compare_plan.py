"""What `zoo compare` is to do: for each model, how it is trained, settled before any training."""

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
from training.data.proposals import proposer_of, with_proposals
from training.data.sources import Source
from training.recipe import Recipe, from_dict, parse_setting, recipe_for
from training.trainer import batch_config_of
from zoo.errors import InputError, nearest
from zoo_cli.compare.compare_tasks import headline

PIPELINE = ("image_size", "letterbox", "channels", "batch_size", "epochs", "seed", "augmentation")
"""Keys of the recipe that are the task's for every model, whatever its own recipe says."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one model is trained and measured.

    Attributes:
        name: of the row and its folder: an alias, or the architecture's own name.
        task: of the architecture.
        data: the data set, as named.
        split: what is measured.
        minutes: budget of training; None for the recipe's epochs.
        recipe: with all changes; its `epochs` do not count where there are minutes.
        architecture: the model; by default the one called `name`.
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
        """As plain values, as they come back from a file."""
        data = {**dataclasses.asdict(self), "recipe": self.recipe.to_dict()}
        return json.loads(json.dumps(data))

    @property
    def budget(self) -> str:
        """In words."""
        if self.minutes is None:
            return f"{self.recipe.epochs} epoch{'s' * (self.recipe.epochs != 1)}"
        return f"{self.minutes:g} minute{'s' * (self.minutes != 1)}"


def read_plan(path: Path) -> Plan:
    """The plan in a file written from `Plan.to_dict`.

    Raises:
        InputError: no such file, or not a plan.
    """
    try:
        data = json.loads(path.read_text())
        return Plan(**{**data, "recipe": from_dict(data["recipe"])})
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not a plan of zoo compare ({error}).") from error


def make_plans(options: Namespace, source: Source) -> list[Plan]:
    """A plan for each model named.

    Raises:
        InputError: unknown or mixed models, a setting that a model does not have, a data set that
            lacks what the task needs, or a budget that is none.
    """
    names, task = _names(options)
    headline(task)
    split = source.check_split(options.split or source.held_out())
    if options.minutes is not None and not (0 < options.minutes < math.inf):
        raise InputError(f"--minutes is a time above 0, not {options.minutes:g}.")
    changes, own = _settings(options, list(names))
    plans = []
    for name, architecture in names.items():
        recipe = _recipe(architecture, task, options.tiny, {**changes, **own.get(name, {})})
        plan = Plan(name, task, source.spec, split, options.minutes, recipe, architecture)
        plans.append(plan)
    for plan in plans:
        proposer = proposer_of(plan.architecture, plan.recipe)
        given = with_proposals(source, proposer, plan.recipe.max_proposals)
        batch_config_of(plan.architecture, plan.recipe).check(given)
    return plans


def _names(options: Namespace) -> tuple[dict[str, str], str]:
    """The models to compare, by the names of their rows, and their task."""
    if bool(options.names) == bool(options.task):
        raise InputError("name the models to compare, or with --task all models of a task.")
    names: dict[str, str] = {}
    for word in options.names or zoo.list_models(options.task):
        alias, equals, architecture = word.partition("=")
        if equals and not re.fullmatch(r"\w[\w.-]*", alias):
            raise InputError(f"{word}: an alias is a word of letters, digits, '_', '-' and '.'.")
        if names.setdefault(alias, architecture or alias) != (architecture or alias):
            raise InputError(f"{alias} would be two rows; give one of them another alias.")
    if not names:
        raise InputError(f"there is no model of {options.task} yet.")
    tasks = {name: zoo.card(name).task for name in names.values()}
    first = next(iter(tasks))
    for name, task in tasks.items():
        if task != tasks[first]:
            raise InputError(
                f"{first} is a model of {tasks[first]}, {name} of {task}; only models of one task "
                "can be compared."
            )
    return names, tasks[first]


def _settings(
    options: Namespace, names: list[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Changes of every recipe, and those of one model's: `--set NAME:key=value`."""
    changes: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    for text in options.set:
        key, value = parse_setting(text)
        name, colon, inner = key.partition(":")
        if not colon:
            changes[key] = value
        elif name in names:
            own.setdefault(name, {})[inner] = value
        else:
            raise InputError(f"--set {text}: {name!r} is not compared here{nearest(name, names)}")
    for key in ("epochs", "batch_size", "image_size"):
        if getattr(options, key) is not None:
            changes[key] = getattr(options, key)
    return changes, own


def _recipe(name: str, task: str, tiny: bool, changes: dict[str, Any]) -> Recipe:
    """The architecture's recipe with the task's pipeline, then `changes`."""
    common = recipe_for(task, task).to_dict()
    card = zoo.card(name)
    small = {f"model.{key}": value for key, value in card.tiny.items()} if tiny else {}
    # The data set says these.
    for key in ("model.num_classes", "model.vocabulary_size", "model.input_shape"):
        small.pop(key, None)
    known = list(inspect.signature(card.builder).parameters)
    for key in changes:
        table, _, argument = key.partition(".")
        if table == "model" and argument and argument not in known:
            raise InputError(
                f"{name} has no argument {argument!r}{nearest(argument, known)} To set it only "
                f"for a model that has it: --set NAME:{key}=…"
            )
    recipe = recipe_for(name, task).changed({key: common[key] for key in PIPELINE})
    return recipe.changed({**small, **changes})
