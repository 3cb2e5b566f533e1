"""Evaluation between epochs, for tasks whose metric is computed outside the graph."""

from __future__ import annotations

from typing import Any

import keras

import zoo
from training.callbacks import RunRecorder
from training.data.sources import Source
from training.evaluation import Predictor, evaluate_predictor
from training.progress import Bar
from training.run import Run
from zoo.errors import InputError


class EvaluationCallback(keras.callbacks.Callback):
    """Evaluates predictions for validation images and adds `val_…` metrics to the epoch's logs.

    Predictions are in original-image coordinates. The callback comes before `recorder`, which uses
    the metrics, and after the callback that swaps in averaged weights. Every
    `evaluation_interval`-th epoch is evaluated, and always the last one.
    """

    def __init__(self, recorder: RunRecorder, source: Source, split: str):
        super().__init__()
        self.recorder = recorder
        self.source = source
        self.split = split
        self.hidden: set[str] = set()
        self.predict: Predictor | None = None

    def due(self, epoch: int) -> bool:
        """Returns whether an epoch, counted from 0, is evaluated."""
        recipe = self.recorder.run.recipe
        last = epoch + 1 >= recipe.epochs or self.recorder.late()
        return last or (epoch + 1) % recipe.evaluation_interval == 0

    def on_epoch_end(self, epoch, logs=None):
        if not self.due(epoch):
            return
        run = self.recorder.run
        if self.predict is None:
            # It reads the variables when it is called, so it is traced only once.
            self.predict = run.predictor(self.model)
        result = evaluate_split(run, self.model.task_name, self.predict, self.source, self.split)
        metric = self.recorder.metric
        metrics = {f"val_{key}": value for key, value in result.items() if isinstance(value, float)}
        if metric not in metrics:
            limited = run.recipe.max_evaluation_images
            more = ", or evaluate more images (max_evaluation_images)" if limited else ""
            raise InputError(
                f"{self.source.spec}: {metric} is not defined on {self.split}, which has no labels "
                f"that count; label some of its images{more}."
            )
        self.hidden |= metrics.keys() - {metric}
        if logs is not None:
            logs.update(metrics)


def evaluate_split(
    run: Run, task: str, predict: Predictor, source: Source, split: str
) -> dict[str, Any]:
    """Returns the metrics on a split, of at most the recipe's `max_evaluation_images`."""
    limit = run.recipe.max_evaluation_images or None
    total = min(limit or source.sizes[split], source.sizes[split])
    with Bar(f"evaluating {split}", total) as bar:
        samples = source.samples(split, limit)
        return evaluate_predictor(task, predict, source, split, run.labels, samples, bar)


def needs_evaluation_callback(model: zoo.Model) -> bool:
    """Returns whether the monitored metric is not among those that `fit` computes."""
    metric = model.monitor[0].removeprefix("val_")
    computed = {
        name
        for output, metrics in model.task.metrics(model).items()
        for one in metrics
        for name in (one.name, f"{output}_{one.name}")
    }
    return not metric.endswith("loss") and metric not in computed
