"""A recipe: everything that decides how an architecture is trained, in one readable record.

`training/recipes/<task>.toml` holds what all architectures of a task share,
`training/recipes/<name>.toml` what one of them does differently. Unknown keys are refused.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from training.data.augment import Augmentation
from training.data.cache.cache_options import check_cache
from training.data.service import check_address
from training.toml_writer import toml_lines
from zoo.errors import InputError, nearest

SCHEDULES = ("constant", "cosine", "poly", "step", "exponential")
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        image_size: canvas height and width in pixels.
        image_sizes: sizes of training, in turn epoch by epoch, for networks that take any size,
            such as SPP-net's [[180, 180], [224, 224]]; answers are always given at `image_size`.
        size_steps: batches after which one of `image_sizes` is drawn at random, as in YOLOv2 every
            10; 0 takes them in turn epoch by epoch.
        buckets: canvas sizes of training instead of `image_size`, such as [[384, 512], [512, 384]];
            an image goes on the one nearest to its proportions; answers as with `image_sizes`.
        fit: how an image goes on the canvas: `"fit"`, `"stretch"` or `"crop"`.
        channels: 3 for colour, 1 for grey.
        batch_size, epochs, seed: as everywhere.
        optimizer: `"adam"`, `"adamw"`, `"sgd"` or `"rmsprop"`.
        learning_rate: at its highest.
        momentum: of SGD.
        weight_decay: decoupled; biases and normalisation are exempt.
        clip_norm: largest norm of the whole gradient; 0 = no limit.
        schedule: `"constant"`, `"cosine"` (to 0), `"poly"` (power 0.9 unless `power` says
            otherwise), `"step"` (times `factor` at each of `drops`) or `"exponential"` (times
            `factor` each epoch).
        power, factor, drops: of the schedule; `drops` are shares of the run in (0, 1).
        warmup_epochs: epochs of linear growth from 0.
        loss: names of losses joined by `+`, such as `"cross_entropy+dice"`; empty for the task's.
        class_weights: `"none"` or `"median_frequency"` (counted on the training split).
        max_objects: objects per image, more are cut; for tasks that have objects.
        proposals: where the boxes come from that a model takes beside an image:
            `"selective_search[:fast|quality|single][?width=500&min_side=20&seed=0]"` or
            `"files:FOLDER"` or `"network:RUN"`, see `training.data.proposals`; for models
            that take any.
        max_proposals: of an image, the first ones.
        four_steps: whether faster_rcnn is trained in the paper's four steps, of `epochs` each, see
            `training.stages.four_step_training`, and not all at once.
        mask_size: cells a side of the objects' masks that a model learns from; 0 = the data set's.
        min_word_count: occurrences that a word needs in the training captions to be learned; for
            tasks that have captions.
        border_weight, border_sigma: U-Net's w0 and sigma; 0 = off.
        ema: decay of the moving average of the weights that is evaluated and kept; 0 = off.
        patience: epochs without a better result before stopping early; 0 = never.
        evaluation_interval: evaluation interval in epochs; the last epoch's
            always; for tasks whose metric is measured outside the graph, such as AP.
        max_evaluation_images: held-out images to measure on then, evenly spread; 0 = all.
        checkpoint_minutes: between checkpoints within an epoch; at its end there is one anyway.
        cache: `"none"`, `"memory"`, `"disk"` or `"disk:FOLDER"`: where samples are kept once they
            have been decoded, see `training.data.cache.cache_options`.
        data_service: address of a tf.data service that makes the training batches, such as
            `grpc://10.0.0.7:5050`, see `training.data.service`; empty for this process.
        precision: `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`.
        jit: whether XLA compiles the step; `"auto"` does so on accelerators.
        augmentation: ranges of random change.
        model: arguments of the builder.
        expected: what the recipe gave, on what data, in what time.
    """

    image_size: tuple[int, int] = (256, 256)
    image_sizes: tuple[tuple[int, int], ...] = ()
    size_steps: int = 0
    buckets: tuple[tuple[int, int], ...] = ()
    resize: str = "letterbox"
    channels: int = 3
    batch_size: int = 8
    epochs: int = 30
    seed: int = 0
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
    max_objects: int = 100
    proposals: str = "selective_search:fast"
    max_proposals: int = 2000
    four_steps: bool = False
    mask_size: int = 0
    min_word_count: int = 1
    border_weight: float = 0.0
    border_sigma: float = 5.0
    ema: float = 0.0
    patience: int = 0
    evaluation_interval: int = 1
    max_evaluation_images: int = 0
    checkpoint_minutes: float = 10.0
    cache: str = "none"
    data_service: str = ""
    precision: str = "float32"
    jit: bool | str = "auto"
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    model: dict[str, Any] = dataclasses.field(default_factory=dict)
    expected: str = ""

    def __post_init__(self) -> None:
        choices = {
            "resize": ("letterbox", "stretch", "crop"),
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "precision": PRECISIONS,
            "class_weights": ("none", "median_frequency"),
            "jit": ("auto", True, False),
            "four_steps": (True, False),
            "channels": (1, 3),
        }
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise InputError(
                    f"recipe: {key} is one of {', '.join(map(str, allowed))}, "
                    f"not {getattr(self, key)!r}."
                )
        for key in ("batch_size", "epochs", "max_objects", "min_word_count", "evaluation_interval"):
            _number(key, getattr(self, key), above=True, whole=True)
        _number("max_proposals", self.max_proposals, above=True, whole=True)
        for key in ("seed", "patience", "max_evaluation_images", "mask_size", "size_steps"):
            _number(key, getattr(self, key), whole=True)
        for key in ("learning_rate", "border_sigma", "factor", "power", "checkpoint_minutes"):
            _number(key, getattr(self, key), above=True)
        for key in ("weight_decay", "clip_norm", "border_weight", "warmup_epochs"):
            _number(key, getattr(self, key))
        for key in ("ema", "momentum"):
            if not _is_number(getattr(self, key)) or not 0.0 <= getattr(self, key) < 1.0:
                raise InputError(
                    f"recipe: {key} is a decay in [0, 1), such as 0.999, not {getattr(self, key)}."
                )
        self._check_lists_and_tables()

    def _check_lists_and_tables(self) -> None:
        size, drops = self.image_size, self.drops
        if not _is_size(size):
            raise InputError(f"recipe: image_size is [height, width] in pixels, not {size!r}.")
        for key in ("image_sizes", "buckets"):
            sizes = getattr(self, key)
            if not isinstance(sizes, (list, tuple)) or not all(map(_is_size, sizes)):
                raise InputError(
                    f"recipe: {key} is a list of [height, width] in pixels, such as "
                    f"[[180, 180], [224, 224]], not {sizes!r}."
                )
            object.__setattr__(self, key, tuple(map(tuple, sizes)))
        if self.image_sizes and self.buckets:
            raise InputError("recipe: image_sizes and buckets exclude each other; give one.")
        if self.size_steps and (not self.image_sizes or self.data_service):
            raise InputError(
                "recipe: size_steps needs image_sizes to draw from, and no data_service, which "
                "does not keep the order of images."
            )
        for key, check in (("cache", check_cache), ("data_service", check_address)):
            if not isinstance(getattr(self, key), str):
                raise InputError(f"recipe: {key} is a text, not {getattr(self, key)!r}.")
            check(getattr(self, key))
        if not isinstance(drops, (list, tuple)) or not all(
            _is_number(share) and 0 < share < 1 for share in drops
        ):
            raise InputError(f"recipe: drops are shares of the run in (0, 1), not {drops!r}.")
        for key, kind in (("loss", str), ("model", dict), ("augmentation", Augmentation)):
            if not isinstance(getattr(self, key), kind):
                form = "names joined by +" if kind is str else "a table"
                raise InputError(f"recipe: {key} is {form}, not {getattr(self, key)!r}.")
        # Fails on what a file cannot hold.
        toml_lines(self.model)
        object.__setattr__(self, "image_size", tuple(size))
        object.__setattr__(self, "drops", tuple(drops))

    def changed(self, changes: dict[str, Any]) -> Recipe:
        """A recipe with some values changed; keys of a table are written `table.key`.

        Raises:
            InputError: an unknown key or a value out of range.
        """
        data = self.to_dict()
        for key, value in changes.items():
            table, _, inner = key.partition(".")
            if inner and table in ("model", "augmentation"):
                data[table] = {**data[table], inner: value}
            elif isinstance(data.get(key), dict) and isinstance(value, dict):
                data[key] = {**data[key], **value}
            else:
                data[key] = value
        return from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        data["augmentation"] = dataclasses.asdict(self.augmentation)
        data["model"] = dict(self.model)
        return data

    def to_toml(self) -> str:
        """The recipe as a TOML file."""
        data = self.to_dict()
        tables = {key: data.pop(key) for key in ("augmentation", "model")}
        lines = toml_lines(data)
        for key, table in tables.items():
            lines += ["", f"[{key}]", *toml_lines(table)]
        return "\n".join(lines) + "\n"


def from_dict(data: dict[str, Any]) -> Recipe:
    """A recipe from plain values.

    Raises:
        InputError: an unknown key, named with the nearest known one, or a value out of range.
    """
    known = [field.name for field in dataclasses.fields(Recipe)]
    for key in data:
        if key not in known:
            raise InputError(f"recipe: unknown key {key!r}{nearest(key, known)}")
    data = dict(data)
    if isinstance(data.get("augmentation"), dict):
        data["augmentation"] = Augmentation.from_dict(data["augmentation"])
    try:
        return Recipe(**data)
    except TypeError as error:
        raise InputError(f"recipe: a value has the wrong type ({error}).") from error


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file.

    Raises:
        InputError: no such file, not TOML, or as `from_dict`; the message names the file.
    """
    try:
        return from_dict(tomllib.loads(path.read_text()))
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror or error}).") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except ValueError as error:
        raise InputError(f"{path}: not TOML: {error}.") from error


def recipe_for(architecture: str, task: str) -> Recipe:
    """The recipe of an architecture: its task's, with its own file on top where it has one."""
    recipe = Recipe()
    for name in (task, architecture):
        file = resources.files("training") / "recipes" / f"{name}.toml"
        if file.is_file():
            recipe = recipe.changed(tomllib.loads(file.read_text()))
    return recipe


def parse_setting(text: str) -> tuple[str, Any]:
    """`"key=value"` of `--set` as key and value; the value is TOML, or else a plain string.

    Raises:
        InputError: there is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--set {text}: expected key=value, such as learning_rate=0.001.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_size(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and [_is_side(side) for side in value] == [True, True]


def _number(key: str, value: Any, above: bool = False, whole: bool = False) -> None:
    good = _is_number(value) and (isinstance(value, int) or not whole)
    if not good or (value <= 0 if above else value < 0):
        kind, limit = "whole number" if whole else "number", "above 0" if above else "0 or more"
        raise InputError(f"recipe: {key} is a {kind} {limit}, not {value!r}.")
