"""Data sets as tf.data for a plain `model.fit`."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import Any

import tensorflow as tf

import zoo
from training.data.batch_config import BatchConfig, serving_resize
from training.data.caption_targets import with_vocabulary
from training.data.defect_warning import warn_of_defects
from training.data.labels_that_count import check_train_labels
from training.data.pipeline import epoch_batches, validation_batches
from training.data.sources import Source, open_source
from zoo.errors import InputError, nearest
from zoo.tasks import TASKS


@dataclasses.dataclass(frozen=True)
class LoadedData:
    """The batches of a data set.

    Attributes:
        source: data set.
        config: batch configuration.
        train: training batches of one epoch, in another order and augmentation in each iteration;
            their number is `len(train)`.
        val: batches of the validation split, in order.
        test: batches of the test split, in order; None where it does not exist, or is `val`.
    """

    source: Source
    config: BatchConfig
    train: tf.data.Dataset
    val: tf.data.Dataset
    test: tf.data.Dataset | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by class index; the tokens of the vocabulary for captions."""
        if self.config.vocabulary is not None:
            return self.config.vocabulary.tokens
        return self.source.names_for(TASKS[self.config.task].classes_of)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def load_data(
    data: str | Source,
    *,
    task: str | None = None,
    architecture: str | None = None,
    min_word_count: int = 1,
    **options: Any,
) -> LoadedData:
    """Opens a data set for `model.fit(data.train, validation_data=data.val, epochs=20)`.

    Labels and images that are not used because of defects give a `LabelWarning`.

    Epochs depend on the seed alone: the n-th iteration of `train` is the same in every process.

    Args:
        data: data set, or its name, such as `"masks:my/folder"`, see `open_source`.
        task: name of the task, such as `"detection"`; None for the only one that the data set has
            the targets of.
        architecture: registry name of the model, which determines the task and the targets;
            exclusive with `task`.
        min_word_count: occurrences that make a word part of the vocabulary, for captions.
        **options: fields of `BatchConfig`, such as `image_size`, `batch_size` and `augmentation`.

    Raises:
        InputError: if the data set cannot be opened, has nothing to train on, no validation or test
            split or no unique task, or an argument is wrong.
    """
    source = data if isinstance(data, Source) else open_source(data)
    settings: dict[str, Any] = {"task": _check_task(source, task)} if architecture is None else {}
    if architecture is not None:
        if task is not None:
            raise InputError("task and architecture exclude each other; give one.")
        settings = _settings_of(architecture)
    known = [field.name for field in dataclasses.fields(BatchConfig) if field.name != "task"]
    for option in options:
        if option not in known:
            hint = nearest(option, known)
            raise InputError(f"unknown option {option!r}{hint} Available: {', '.join(known)}.")
    config = BatchConfig(**{**settings, **options})
    config, _ = with_vocabulary(config, source, min_word_count)
    config.check(source)
    source.check_trainable(config.targets)
    source.check_images("train")
    check_train_labels(source, config.task)
    val_split = source.validation_split()
    warn_of_defects(source, ("train", val_split), 2)
    # The default shuffle=True of `fit` has no effect on tf.data; these batches are shuffled.
    warnings.filterwarnings("ignore", "`shuffle=True` was passed, but will be ignored.*tf.data")
    has_test = bool(source.sizes.get("test")) and val_split != "test"
    loaded = LoadedData(
        source,
        config,
        epoch_batches(source, "train", config),
        validation_batches(source, val_split, config),
        validation_batches(source, "test", config) if has_test else None,
    )
    # `zoo.Model.fit` sets these, so that a saved model predicts without them.
    loaded.train.model_settings = {
        "image_size": config.image_size,
        "resize": serving_resize(config.resize),
        "class_names": loaded.class_names,
    }
    return loaded


def _settings_of(architecture: str) -> dict[str, Any]:
    """Returns the fields of `BatchConfig` that an architecture determines."""
    card = zoo.card(architecture)
    if "proposals" in card.inputs:
        raise InputError(f"{architecture} takes proposals; train it with training.fit.")
    settings = {"task": card.task, "targets": card.targets}
    parameters = inspect.signature(card.builder).parameters
    if "max_words" in parameters:
        settings["max_words"] = parameters["max_words"].default
    return settings


def _check_task(source: Source, task: str | None) -> str:
    """Returns the task, or the only one that the data set has the targets of."""
    if task is not None:
        if task not in TASKS:
            hint = nearest(task, TASKS)
            raise InputError(f"unknown task {task!r}{hint} Available: {', '.join(TASKS)}.")
        return task
    keys = {*source.keys, *(["captions"] if "texts" in source.keys else [])}
    tasks = [name for name, one in TASKS.items() if set(one.targets) <= keys]
    if len(tasks) == 1:
        return tasks[0]
    if not tasks:
        raise InputError(
            f"{source.spec}: no task has all its targets among {', '.join(source.keys)}."
        )
    raise InputError(f"{source.spec}: several tasks are possible; give task={' or '.join(tasks)}.")
