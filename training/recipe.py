"""Recipes: all settings that decide how an architecture is trained.

`training/recipes/<task>.toml` holds the settings of a task, `training/recipes/<architecture>.toml`
those in which an architecture differs from its task.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import zoo
from training.data.augment import Augmentation
from training.data.batch_config import BatchConfig
from training.data.value_checks import check_number, is_number
from training.toml_writer import toml_lines
from zoo.argument_checks import check_choice
from zoo.errors import InputError, nearest

SCHEDULES = ("constant", "cosine", "poly", "step", "exponential")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
TABLES = ("augmentation", "model")
"""Tables of a recipe file."""
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")

BATCH_KEYS = tuple(
    field.name
    for field in dataclasses.fields(BatchConfig)
    # The architecture and the data set decide these.
    if field.name not in ("task", "targets", "vocabulary", "max_words")
)
"""Keys of a recipe that are fields of its `batch`."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Files, `changed`, `of` and `to_dict` have the fields of `batch` as keys of the recipe itself,
    such as `image_size`.

    Attributes:
        architecture: registry name; empty where it is given apart.
        data: name of the data set; empty where it is given apart.
        batch: how samples become batches, see `BatchConfig`.
        epochs: number of epochs.
        optimizer: `"adam"`, `"adamw"`, `"sgd"` or `"rmsprop"`.
        learning_rate: highest learning rate of the schedule.
        momentum: momentum of SGD, in [0, 1).
        weight_decay: decoupled weight decay; biases and normalization layers are exempt.
        clip_norm: maximum global norm of the gradient; 0 for no limit.
        schedule: `"constant"`, `"cosine"` (to 0), `"poly"` (to 0 with `power`), `"step"` (times
            `factor` at each of `drops`) or `"exponential"` (times `factor` per epoch).
        power: exponent of the schedule `"poly"`.
        factor: factor of the schedules `"step"` and `"exponential"`.
        drops: fractions of the run in (0, 1) at which the schedule `"step"` drops.
        warmup_epochs: epochs of linear growth of the learning rate from 0.
        loss: names of losses joined by `+`, such as `"cross_entropy+dice"`; empty for the task's.
        class_weights: `"none"` or `"median_frequency"` (counted on the training split).
        proposals: source of the proposals, for models that take any:
            `"selective_search[:fast|quality|single][?width=500&min_side=20&seed=0]"`,
            `"files:FOLDER"` or `"network:RUN"`, see `training.data.proposals`.
        max_proposals: proposals per image, the first ones of the source.
        four_steps: whether to train in the four steps of the Faster R-CNN paper, of `epochs` each,
            instead of jointly; see `training.stages.four_step_training`.
        min_word_count: occurrences in the training captions that make a word part of the
            vocabulary, for tasks that have captions.
        ema: decay of the moving average of the weights that is evaluated and saved, in [0, 1); 0
            for none.
        patience: epochs without a better result before training stops; 0 for no early stopping.
        evaluation_interval: evaluation interval in epochs (the last epoch is always evaluated),
            for tasks whose metric is computed outside the graph, such as AP.
        max_evaluation_images: maximum number of validation images in these evaluations, evenly
            spread over the split; 0 for all.
        checkpoint_minutes: minutes between checkpoints within an epoch; each epoch ends with one.
        precision: `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`.
        jit: whether XLA compiles the training step; `"auto"` for accelerators only.
        model: arguments of the builder.
        expected: the result of the recipe, with data set and training time.
    """

    architecture: str = ""
    data: str = ""
    batch: BatchConfig = dataclasses.field(default_factory=BatchConfig)
    epochs: int = 30
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    schedule: str = "cosine"
    power: float = 0.9
    factor: float = 0.1
    drops: tuple[float, ...] = ()
    warmup_epochs: float = 0.0
    loss: str = ""
    class_weights: str = "none"
    proposals: str = "selective_search:fast"
    max_proposals: int = 2000
    four_steps: bool = False
    min_word_count: int = 1
    ema: float = 0.0
    patience: int = 0
    evaluation_interval: int = 1
    max_evaluation_images: int = 0
    checkpoint_minutes: float = 10.0
    precision: str = "float32"
    jit: bool | str = "auto"
    model: dict[str, Any] = dataclasses.field(default_factory=dict)
    expected: str = ""

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("class_weights", self.class_weights, ("none", "median_frequency"))
        check_choice("jit", self.jit, ("auto", True, False))
        check_choice("four_steps", self.four_steps, (True, False))
        for key in ("epochs", "min_word_count", "evaluation_interval", "max_proposals"):
            check_number(key, getattr(self, key), positive=True, whole=True)
        for key in ("patience", "max_evaluation_images"):
            check_number(key, getattr(self, key), whole=True)
        for key in ("learning_rate", "factor", "power", "checkpoint_minutes"):
            check_number(key, getattr(self, key), positive=True)
        for key in ("weight_decay", "clip_norm", "warmup_epochs"):
            check_number(key, getattr(self, key))
        for key in ("ema", "momentum"):
            if not is_number(getattr(self, key)) or not 0.0 <= getattr(self, key) < 1.0:
                raise InputError(
                    f"{key} must be a decay in [0, 1), such as 0.999, not {getattr(self, key)!r}."
                )
        if not isinstance(self.drops, (list, tuple)) or not all(
            is_number(drop) and 0 < drop < 1 for drop in self.drops
        ):
            raise InputError(f"drops must be fractions of the run in (0, 1), not {self.drops!r}.")
        object.__setattr__(self, "drops", tuple(self.drops))
        for key in ("architecture", "data", "proposals", "loss", "expected"):
            if not isinstance(getattr(self, key), str):
                raise InputError(f"{key} must be a string, not {getattr(self, key)!r}.")
        if not isinstance(self.model, dict):
            raise InputError(f"model must be a table, not {self.model!r}.")
        # Fails on values that a file cannot hold.
        toml_lines(self.model)

    @classmethod
    def of(cls, **values: Any) -> Recipe:
        """Returns the recipe with some values; the other keys have their defaults.

        Raises:
            InputError: if a key is unknown, or a value out of range.
        """
        for key in values:
            if key not in KEYS:
                raise InputError(f"recipe: unknown key {key!r}{nearest(key, KEYS)}")
        try:
            if isinstance(values.get("augmentation"), dict):
                values["augmentation"] = Augmentation.from_dict(values["augmentation"])
            batch = {key: values.pop(key) for key in BATCH_KEYS if key in values}
            return cls(batch=BatchConfig(**batch), **values)
        except InputError as error:
            raise InputError(f"recipe: {error}") from error
        except TypeError as error:
            raise InputError(f"recipe: a value has the wrong type ({error}).") from error

    def changed(self, changes: dict[str, Any]) -> Recipe:
        """Returns the recipe with other values; keys of a table are written `table.key`.

        Raises:
            InputError: if a key is unknown, or a value out of range.
        """
        data = self.to_dict()
        for key, value in changes.items():
            table, _, inner = key.partition(".")
            if inner and table in TABLES:
                data[table] = {**data[table], inner: value}
            elif isinstance(data.get(key), dict) and isinstance(value, dict):
                data[key] = {**data[key], **value}
            else:
                data[key] = value
        return Recipe.of(**data)

    def to_dict(self) -> dict[str, Any]:
        """Returns the recipe as plain values by key."""
        data = {key: getattr(self.batch if key in BATCH_KEYS else self, key) for key in KEYS}
        data["augmentation"] = dataclasses.asdict(self.batch.augmentation)
        data["model"] = dict(self.model)
        return data

    def to_toml(self) -> str:
        """Returns the recipe as the text of a TOML file."""
        data = self.to_dict()
        tables = {key: data.pop(key) for key in TABLES}
        lines = toml_lines(data)
        for key, table in tables.items():
            lines += ["", f"[{key}]", *toml_lines(table)]
        return "\n".join(lines) + "\n"


KEYS = tuple(
    key
    for field in dataclasses.fields(Recipe)
    for key in (BATCH_KEYS if field.name == "batch" else (field.name,))
)
"""All keys of a recipe file."""


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Returns the recipe in a TOML file; keys that are not in it have their defaults."""
    values = read_toml(path)
    try:
        return Recipe.of(**values)
    except InputError as error:
        raise _at(path, error) from error


def read_training_recipe(path: str | os.PathLike[str], architecture: str | None = None) -> Recipe:
    """Returns the recipe in a TOML file, on top of the recipe of the architecture.

    A file with every key, such as the `recipe.toml` of a run, is the whole recipe. An
    `architecture` replaces the one in the file.
    """
    values = read_toml(path)
    try:
        name = architecture or values.get("architecture")
        if not isinstance(name, str) or not name:
            raise InputError(f'architecture must be the name of one, such as "unet", not {name!r}.')
        values["architecture"] = name
        if set(values) >= set(KEYS):
            return Recipe.of(**values)
        return recipe_for(name, zoo.card(name).task).changed(values)
    except InputError as error:
        raise _at(path, error) from error


def recipe_for(architecture: str, task: str) -> Recipe:
    """Returns the recipe of an architecture: its task's file, then its own where there is one."""
    recipe = Recipe()
    for name in (task, architecture):
        file = resources.files("training") / "recipes" / f"{name}.toml"
        if file.is_file():
            recipe = recipe.changed(tomllib.loads(file.read_text()))
    return recipe


def parse_setting(text: str) -> tuple[str, Any]:
    """Returns key and value of `"key=value"`; the value is TOML, or else a plain string."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--set must be key=value, such as learning_rate=0.001, not {text!r}.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the values of a TOML file."""
    try:
        return tomllib.loads(Path(path).read_text())
    except OSError as error:
        raise _at(path, InputError(f"not readable ({error.strerror or error}).")) from error
    except ValueError as error:
        raise _at(path, InputError(f"not TOML: {error}.")) from error


def flat_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Returns values with the keys of the tables `model` and `augmentation` as `table.key`."""
    flat = {key: value for key, value in values.items() if key not in TABLES}
    for table in TABLES:
        flat |= {f"{table}.{key}": value for key, value in values.get(table, {}).items()}
    return flat


def _at(path: str | os.PathLike[str], error: InputError) -> InputError:
    """Returns the error with the file in front of its message."""
    return InputError(f"{os.fspath(path)}: {error}")
