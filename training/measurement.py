"""Measuring final answers between epochs, for tasks whose metric no graph can compute."""

from __future__ import annotations

import keras

import zoo
from training.callbacks import Recorder
from training.evaluation import AnswerFunction, evaluate
from training.progress import Bar
from training.sources import Source
from zoo.errors import InputError


class Measurement(keras.callbacks.Callback):
    """Answers held-out pictures at an epoch's end and adds `val_…` metrics of the answers.

    What is measured is what a user gets: pictures of the split in their own pixels. Must come
    before `recorder`, which judges the epoch by it, and after the callback that swaps in averaged
    weights. The last epoch is always measured, the others as the recipe's `measure_every` says.

    Args:
        recorder: of the run.
        source: the data set.
        split: to measure on; at most the recipe's `measure_pictures` of it.
    """

    def __init__(self, recorder: Recorder, source: Source, split: str):
        super().__init__()
        self.recorder = recorder
        self.source = source
        self.split = split
        self.hidden: set[str] = set()
        self.answer: AnswerFunction | None = None

    def due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is measured."""
        recipe = self.recorder.run.recipe
        last = epoch + 1 >= recipe.epochs or self.recorder.late()
        return last or (epoch + 1) % recipe.measure_every == 0

    def on_epoch_end(self, epoch, logs=None):
        if not self.due(epoch):
            return
        run = self.recorder.run
        if self.answer is None:
            # Variables are read when it is called, so that one trace serves every epoch.
            self.answer = run.answerer(self.model)
        limit = run.recipe.measure_pictures or None
        total = min(limit or self.source.sizes[self.split], self.source.sizes[self.split])
        samples = self.source.samples(self.split, limit)
        with Bar(f"measuring {self.split}", total) as bar:
            result = evaluate(
                self.model.task_name,
                self.answer,
                self.source,
                self.split,
                run.labels,
                samples,
                bar,
            )
        metric = self.recorder.metric
        found = {f"val_{key}": value for key, value in result.items() if isinstance(value, float)}
        if metric not in found:
            raise InputError(
                f"{self.source.spec}: {metric} is not defined on {self.split}, where nothing that "
                "counts is labelled; label something there"
                f"{', or measure on more pictures (measure_pictures)' if limit else ''}."
            )
        self.hidden |= found.keys() - {metric}
        if logs is not None:
            logs.update(found)


def measured_outside(model: zoo.Model) -> bool:
    """Whether the metric that says which epoch is best is none that `fit` computes itself."""
    metric = model.monitor[0].removeprefix("val_")
    inside = {
        name
        for output, metrics in model.task.metrics(model).items()
        for one in metrics
        for name in (one.name, f"{output}_{one.name}")
    }
    return not metric.endswith("loss") and metric not in inside
