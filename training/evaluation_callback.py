"""Measuring final answers between epochs, for tasks whose metric no graph can compute."""

from __future__ import annotations

from typing import Any

import keras

import zoo
from training.callbacks import RunRecorder
from training.data.sources import Source
from training.evaluation import Predictor, evaluate
from training.progress import Bar
from training.run import Run
from zoo.errors import InputError


class EvaluationCallback(keras.callbacks.Callback):
    """Answers held-out images at an epoch's end and adds `val_…` metrics of the answers.

    What is measured is what a user gets: images of the split in their own pixels. Must come
    before `recorder`, which judges the epoch by it, and after the callback that swaps in averaged
    weights. The last epoch is always measured, the others every `evaluation_interval` epochs.

    Args:
        recorder: of the run.
        source: the data set.
        split: to measure on; at most the recipe's `max_evaluation_images` of it.
    """

    def __init__(self, recorder: RunRecorder, source: Source, split: str):
        super().__init__()
        self.recorder = recorder
        self.source = source
        self.split = split
        self.hidden: set[str] = set()
        self.predict: Predictor | None = None

    def due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is measured."""
        recipe = self.recorder.run.recipe
        last = epoch + 1 >= recipe.epochs or self.recorder.late()
        return last or (epoch + 1) % recipe.evaluation_interval == 0

    def on_epoch_end(self, epoch, logs=None):
        if not self.due(epoch):
            return
        run = self.recorder.run
        if self.predict is None:
            # Variables are read when it is called, so that one trace serves every epoch.
            self.predict = run.predictor(self.model)
        result = measured(run, self.model.task_name, self.predict, self.source, self.split)
        metric = self.recorder.metric
        found = {f"val_{key}": value for key, value in result.items() if isinstance(value, float)}
        if metric not in found:
            limited = run.recipe.max_evaluation_images
            more = ", or measure on more images (max_evaluation_images)" if limited else ""
            raise InputError(
                f"{self.source.spec}: {metric} is not defined on {self.split}, where nothing that "
                f"counts is labelled; label something there{more}."
            )
        self.hidden |= found.keys() - {metric}
        if logs is not None:
            logs.update(found)


def measured(run: Run, task: str, predict: Predictor, source: Source, split: str) -> dict[str, Any]:
    """What `evaluate` finds on a split, or on as many images of it as the run's recipe says."""
    limit = run.recipe.max_evaluation_images or None
    total = min(limit or source.sizes[split], source.sizes[split])
    with Bar(f"measuring {split}", total) as bar:
        samples = source.samples(split, limit)
        return evaluate(task, predict, source, split, run.labels, samples, bar)


def needs_evaluation_callback(model: zoo.Model) -> bool:
    """Whether the metric that says which epoch is best is none that `fit` computes itself."""
    metric = model.monitor[0].removeprefix("val_")
    inside = {
        name
        for output, metrics in model.task.metrics(model).items()
        for one in metrics
        for name in (one.name, f"{output}_{one.name}")
    }
    return not metric.endswith("loss") and metric not in inside
