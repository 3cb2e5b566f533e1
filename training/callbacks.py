"""Callbacks of a run: metrics and early stopping, checkpoints, the best model."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from training.checkpoint import save_state
from training.drawing import Names, draw, overlay_classes, paint_classes, save_sheet, sheet
from training.run import Run
from zoo.errors import InputError

OUT_OF_TIME = "out of time"
"""Reason for stopping that does not end a run: it can be resumed."""

_DRAWN_SIDE, _DRAWN_SCORE = 320, 0.3


class RunRecorder(keras.callbacks.Callback):
    """Records the metrics of each epoch, finds the best epoch, and stops training early.

    `monitor` is the metric of the best epoch, and `"max"` or `"min"`. No epoch begins after
    `deadline`, a value of `time.monotonic()`. Unless `every_epoch`, an epoch may lack the metric;
    such an epoch is never the best.
    """

    def __init__(
        self,
        run: Run,
        progress: dict[str, Any],
        monitor: tuple[str, str],
        patience: int = 0,
        deadline: float | None = None,
        every_epoch: bool = True,
    ):
        super().__init__()
        self.run = run
        self.progress = progress
        self.metric, self.mode = monitor
        self.patience = patience
        self.deadline = deadline
        self.every_epoch = every_epoch
        self.is_best = False
        self._late: bool | None = None
        self.writer = tf.summary.create_file_writer(str(run.folder / "logs"))

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        self._late = None

    def late(self) -> bool:
        """Returns whether the deadline has passed; the value is constant within an epoch."""
        if self._late is None:
            self._late = self.deadline is not None and time.monotonic() > self.deadline
        return self._late

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.started, 2)
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"the loss became {row['loss']} in epoch {epoch + 1}; try a lower learning_rate, "
                "clip_norm=1 or precision=float32."
            )
        self._update_best(epoch, row)
        self.progress["epoch"], self.progress["step"] = epoch + 1, 0
        self.progress["history"] = [*self.progress["history"], row]
        with self.writer.as_default(step=epoch + 1):
            for key, value in row.items():
                tf.summary.scalar(key, value)
        self.writer.flush()

    def _update_best(self, epoch: int, row: dict[str, float]) -> None:
        self.is_best = False
        reason = ""
        if self.metric in row:
            value, best = row[self.metric], self.progress["best"]
            sign = 1 if self.mode == "max" else -1
            self.is_best = best is None or sign * value > sign * best["value"]
            if self.is_best:
                self.progress["best"] = {"metric": self.metric, "value": value, "epoch": epoch + 1}
            waited = epoch + 1 - self.progress["best"]["epoch"]
            if self.patience and waited >= self.patience:
                reason = f"no better result for {waited} epochs."
        elif self.every_epoch:
            raise ValueError(f"unknown metric {self.metric!r}; available: {', '.join(row)}.")
        if self.late():
            reason = OUT_OF_TIME
        if reason:
            self.progress["stopped"] = reason
            self.model.stop_training = True


class CheckpointCallback(keras.callbacks.Callback):
    """Writes the metrics and the checkpoint; the last callback, after all other files."""

    def __init__(self, recorder: RunRecorder, first_step: int = 0):
        super().__init__()
        self.recorder = recorder
        self.first_step = first_step
        self.seconds = 60 * recorder.run.recipe.checkpoint_minutes

    def on_epoch_begin(self, epoch, logs=None):
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        # The last batch is followed by the end of the epoch, which writes a checkpoint.
        if batch + 1 == self.params["steps"] or time.monotonic() - self.saved_at < self.seconds:
            return
        step = self.first_step + batch + 1
        run, progress = self.recorder.run, self.recorder.progress
        save_state(run.checkpoint, self.model, {**progress, "step": step})
        self.saved_at = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        run, progress = self.recorder.run, self.recorder.progress
        self.first_step = 0
        run.write_history(progress["history"])
        run.write_info(best=progress["best"])
        save_state(run.checkpoint, self.model, progress)


class BestModel(keras.callbacks.Callback):
    """Saves the best model, in float32 and without optimizer, and draws its predictions.

    It comes after the callback that swaps in averaged weights. The validation batch `(images,
    targets)` is drawn, with the class and keypoint names of the data set.
    """

    def __init__(self, recorder: RunRecorder, batch: tuple[Any, Any], names: Names):
        super().__init__()
        self.recorder = recorder
        self.batch = batch
        self.names = names
        self.copy: zoo.Model | None = None

    def on_epoch_end(self, epoch, logs=None):
        if not self.recorder.is_best:
            return
        if self.copy is None:
            self.copy = self.model.rebuild("float32")
        self.copy.set_weights(self.model.get_weights())
        self.recorder.run.write_model(self.copy)
        drawn = draw_predictions(self.copy, *self.batch, self.names)
        save_sheet(self.recorder.run.folder / "samples" / f"epoch_{epoch + 1:03d}.png", drawn)
        with self.recorder.writer.as_default(step=epoch + 1):
            tf.summary.image("samples", np.asarray(drawn)[None])


def draw_predictions(model: zoo.Model, images, targets, names: Names):
    """Returns a sheet with ground truth and prediction of images of the model input size."""
    outputs = zoo.predict(model, images, resize="native")
    images = np.asarray(images["image"] if isinstance(images, Mapping) else images)
    truths = _rows({key: np.asarray(value) for key, value in targets.items()})
    predictions = _rows({key: keras.ops.convert_to_numpy(value) for key, value in outputs.items()})
    if "captions" in predictions[0]:
        # Captions name what regions show; the class names of the data set do not apply.
        names = dataclasses.replace(names, objects=("region",))
    pairs = list(zip(images, truths, predictions, strict=True))
    if model.task_name == "segmentation":
        rows = [_class_maps(*pair, len(names.classes)) for pair in pairs]
        return sheet(rows, ("image with prediction", "ground truth", "prediction"), names.classes)
    rows = []
    for image, truth, prediction in pairs:
        full = "masks" in prediction and prediction["masks"].shape[1:] == image.shape[:2]
        drawn = draw(
            image, prediction, names, side=_DRAWN_SIDE, min_score=_DRAWN_SCORE, full_masks=full
        )
        rows.append([draw(image, truth, names, side=_DRAWN_SIDE), drawn])
    return sheet(rows, ("ground truth", "prediction"), cell=None)


def _rows(batch: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Returns the samples of a batch."""
    count = len(next(iter(batch.values())))
    return [{key: value[number] for key, value in batch.items()} for number in range(count)]


def _class_maps(image, truth, prediction, count: int) -> list[np.ndarray]:
    maps = [one["segmentation"] for one in (truth, prediction)]
    return [overlay_classes(image, maps[1], count), *(paint_classes(m, count) for m in maps)]


def averaged(ema: bool, *callbacks: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """Returns the callbacks, with `ema` between swapping the averaged weights in and out."""
    if not ema:
        return list(callbacks)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    # It swaps back when the next epoch begins, after the checkpoint has been written.
    back = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: swap.on_epoch_begin(epoch)
    )
    return [swap, *callbacks, back]


def new_progress() -> dict[str, Any]:
    """Returns the progress of a new run."""
    return {"epoch": 0, "step": 0, "best": None, "history": [], "stopped": ""}
