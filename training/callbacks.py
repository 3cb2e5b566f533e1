"""What happens beside the gradient: keeping state, the best model, records."""

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
from zoo.registry import rebuild

TIME_IS_UP = "time is up"
"""Why a run stopped that may go on when it is resumed."""

_DRAWN_SIDE, _DRAWN_SCORE = 320, 0.3


class RunRecorder(keras.callbacks.Callback):
    """Writes an epoch's metrics and judges it; stops early or at a deadline.

    Args:
        run: the run folder.
        progress: as `checkpoint.load_state` gave it, or `new_progress()`.
        monitor: metric that says which epoch is best, and `"max"` or `"min"`.
        patience: epochs without a better result before stopping; 0 = never.
        deadline: `time.monotonic()` value after which no further epoch begins.
        every_epoch: whether every epoch has the metric; one that has not is never the best.
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
        self.began = time.monotonic()
        self._late = None

    def late(self) -> bool:
        """Whether this epoch is the last for lack of time; once asked, the answer stands."""
        if self._late is None:
            self._late = self.deadline is not None and time.monotonic() > self.deadline
        return self._late

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.began, 2)
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"the loss became {row['loss']} in epoch {epoch + 1}; try a lower learning_rate, "
                "clip_norm=1 or precision=float32."
            )
        self._judge(epoch, row)
        self.progress["epoch"], self.progress["step"] = epoch + 1, 0
        self.progress["history"] = [*self.progress["history"], row]
        with self.writer.as_default(step=epoch + 1):
            for key, value in row.items():
                tf.summary.scalar(key, value)
        self.writer.flush()

    def _judge(self, epoch: int, row: dict[str, float]) -> None:
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
                reason = f"no better for {waited} epochs"
        elif self.every_epoch:
            raise ValueError(f"No metric {self.metric!r} among {', '.join(row)}.")
        if self.late():
            reason = TIME_IS_UP
        if reason:
            self.progress["stopped"] = reason
            self.model.stop_training = True


class CheckpointCallback(keras.callbacks.Callback):
    """Writes the checkpoint; last of all, so that it never speaks of files not yet written.

    Args:
        recorder: of the run.
        first_step: batches of the first epoch that were gone through before.
    """

    def __init__(self, recorder: RunRecorder, first_step: int = 0):
        super().__init__()
        self.recorder = recorder
        self.first_step = first_step
        self.seconds = 60 * recorder.run.recipe.checkpoint_minutes

    def on_epoch_begin(self, epoch, logs=None):
        self.written = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        # After the last batch of an epoch its end follows, which measures and then writes.
        if batch + 1 == self.params["steps"] or time.monotonic() - self.written < self.seconds:
            return
        step = self.first_step + batch + 1
        run, progress = self.recorder.run, self.recorder.progress
        save_state(run.checkpoint, self.model, {**progress, "step": step})
        self.written = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        run, progress = self.recorder.run, self.recorder.progress
        self.first_step = 0
        run.write_history(progress["history"])
        run.write_info(best=progress["best"])
        save_state(run.checkpoint, self.model, progress)


class BestModel(keras.callbacks.Callback):
    """Keeps the best epoch's model, in float32 and without optimizer, and images of its answers.

    Must come after the callback that swaps in averaged weights.

    Args:
        recorder: says whether the epoch is the best.
        batch: a validation batch `(images, targets)` to draw.
        names: of the data set's classes and joints.
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
            self.copy = rebuild(self.model.architecture, self.model.arguments, "float32")
        self.copy.set_weights(self.model.get_weights())
        self.recorder.run.write_model(self.copy)
        canvas = draw_predictions(self.copy, *self.batch, self.names)
        save_sheet(self.recorder.run.folder / "samples" / f"epoch_{epoch + 1:03d}.png", canvas)
        with self.recorder.writer.as_default(step=epoch + 1):
            tf.summary.image("samples", np.asarray(canvas)[None])


def draw_predictions(model: zoo.Model, images, targets, names: Names):
    """A sheet of canvas images, truth and prediction."""
    found = zoo.predict(model, images)
    images = np.asarray(images["image"] if isinstance(images, Mapping) else images)
    truths = _rows({key: np.asarray(value) for key, value in targets.items()})
    predictions = _rows({key: keras.ops.convert_to_numpy(value) for key, value in found.items()})
    if "captions" in predictions[0]:
        # What is seen is said: regions are of one class, whatever the data set calls its objects.
        names = dataclasses.replace(names, objects=("region",))
    pairs = list(zip(images, truths, predictions, strict=True))
    if model.task_name == "segmentation":
        rows = [_class_maps(*pair, len(names.classes)) for pair in pairs]
        return sheet(rows, ("image with prediction", "truth", "prediction"), names.classes)
    rows = []
    for image, truth, prediction in pairs:
        full = "masks" in prediction and prediction["masks"].shape[1:] == image.shape[:2]
        drawn = draw(
            image, prediction, names, side=_DRAWN_SIDE, min_score=_DRAWN_SCORE, full_masks=full
        )
        rows.append([draw(image, truth, names, side=_DRAWN_SIDE), drawn])
    return sheet(rows, ("truth", "prediction"), cell=None)


def _rows(batch: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """A batch, image by image."""
    count = len(next(iter(batch.values())))
    return [{key: value[number] for key, value in batch.items()} for number in range(count)]


def _class_maps(image, truth, prediction, count: int) -> list[np.ndarray]:
    maps = [one["segmentation"] for one in (truth, prediction)]
    return [overlay_classes(image, maps[1], count), *(paint_classes(m, count) for m in maps)]


def averaged(ema: bool, *callbacks: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """The callbacks, or those between taking the averaged weights into the model and out again."""
    if not ema:
        return list(callbacks)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    # Its own way back is at the next epoch's begin, after the checkpoint has been written.
    back = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: swap.on_epoch_begin(epoch)
    )
    return [swap, *callbacks, back]


def new_progress() -> dict[str, Any]:
    """The progress of a run that has not begun."""
    return {"epoch": 0, "step": 0, "best": None, "history": [], "stopped": ""}
