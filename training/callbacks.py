"""What happens beside the gradient: keeping state, the best model, records, progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from training.checkpoint import save_state
from training.drawing import overlay_classes, paint_classes, save_sheet, sheet
from training.run import Run
from zoo.errors import InputError
from zoo.registry import rebuild

TIME_IS_UP = "time is up"
"""Why a run stopped that may go on when it is resumed."""


class Recorder(keras.callbacks.Callback):
    """Writes an epoch's metrics and the state to go on from; stops early or at a deadline.

    Must come before the callback that swaps in averaged weights: the state is the raw one.

    Args:
        run: the run folder.
        progress: as `checkpoint.load_state` gave it, or `new_progress()`.
        monitor: metric that says which epoch is best, and `"max"` or `"min"`.
        patience: epochs without a better result before stopping; 0 = never.
        deadline: `time.monotonic()` value after which no further epoch begins.
    """

    def __init__(
        self,
        run: Run,
        progress: dict[str, Any],
        monitor: tuple[str, str],
        patience: int = 0,
        deadline: float | None = None,
    ):
        super().__init__()
        self.run = run
        self.progress = progress
        self.metric, self.mode = monitor
        self.patience = patience
        self.deadline = deadline
        self.is_best = False
        self.writer = tf.summary.create_file_writer(str(run.folder / "logs"))

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self.began, 2)
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"the loss became {row['loss']} in epoch {epoch + 1}; try a lower learning_rate, "
                "clip_norm=1 or precision=float32."
            )
        self._judge(epoch, row)
        self.progress["epoch"] = epoch + 1
        self.progress["history"] = [*self.progress["history"], row]
        with self.writer.as_default(step=epoch + 1):
            for key, value in row.items():
                tf.summary.scalar(key, value)
        self.writer.flush()

    def _judge(self, epoch: int, row: dict[str, float]) -> None:
        if self.metric not in row:
            raise ValueError(f"No metric {self.metric!r} among {', '.join(row)}.")
        value, best = row[self.metric], self.progress["best"]
        sign = 1 if self.mode == "max" else -1
        self.is_best = best is None or sign * value > sign * best["value"]
        if self.is_best:
            self.progress["best"] = {"metric": self.metric, "value": value, "epoch": epoch + 1}
        waited = epoch + 1 - self.progress["best"]["epoch"]
        late = self.deadline is not None and time.monotonic() > self.deadline
        if late or (self.patience and waited >= self.patience):
            self.progress["stopped"] = TIME_IS_UP if late else f"no better for {waited} epochs"
            self.model.stop_training = True


class StateKeeper(keras.callbacks.Callback):
    """Writes the checkpoint; last of all, so that it never speaks of files not yet written."""

    def __init__(self, recorder: Recorder):
        super().__init__()
        self.recorder = recorder

    def on_epoch_end(self, epoch, logs=None):
        run, progress = self.recorder.run, self.recorder.progress
        run.write_history(progress["history"])
        run.write_info(best=progress["best"])
        save_state(run.checkpoint, self.model, progress)


class BestModel(keras.callbacks.Callback):
    """Keeps the best epoch's model, in float32 and without optimizer, and pictures of its answers.

    Must come after the callback that swaps in averaged weights.

    Args:
        recorder: says whether the epoch is the best.
        batch: a validation batch `(images, targets)` to draw.
        labels: class names.
    """

    def __init__(self, recorder: Recorder, batch: tuple[Any, Any], labels: list[str]):
        super().__init__()
        self.recorder = recorder
        self.batch = batch
        self.labels = labels
        self.copy: zoo.Model | None = None

    def on_epoch_end(self, epoch, logs=None):
        if not self.recorder.is_best:
            return
        if self.copy is None:
            self.copy = rebuild(self.model.architecture, self.model.arguments, "float32")
        self.copy.set_weights(self.model.get_weights())
        self.recorder.run.write_model(self.copy)
        canvas = draw_segmentation(self.copy, *self.batch, self.labels)
        save_sheet(self.recorder.run.folder / "samples" / f"epoch_{epoch + 1:03d}.png", canvas)
        with self.recorder.writer.as_default(step=epoch + 1):
            tf.summary.image("samples", np.asarray(canvas)[None])


def draw_segmentation(model: zoo.Model, images, targets, labels: list[str]):
    """A sheet of canvas pictures, truth and prediction."""
    images = np.asarray(images)
    found = keras.ops.convert_to_numpy(zoo.answer(model, images)["segmentation"])
    rows = []
    for image, truth, guess in zip(images, np.asarray(targets["segmentation"]), found, strict=True):
        count = len(labels)
        rows.append([overlay_classes(image, guess, count), *(
            paint_classes(classes, count) for classes in (truth, guess)
        )])  # fmt: skip
    return sheet(rows, ("picture with prediction", "truth", "prediction"), labels)


def averaged(ema: bool, callback: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """`callback` alone, or between taking the averaged weights into the model and out again."""
    if not ema:
        return [callback]
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    # Its own way back is at the next epoch's begin, after the checkpoint has been written.
    back = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: swap.on_epoch_begin(epoch)
    )
    return [swap, callback, back]


class Progress(keras.callbacks.Callback):
    """One line that says where training is, how fast, and how long it still takes.

    Args:
        epochs, steps, batch_size: of the run.
        first_epoch: where it begins.
        say: writes a line; default standard error.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        batch_size: int,
        first_epoch: int = 0,
        say: Callable[[str], None] | None = None,
    ):
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.first_epoch = first_epoch
        self.live = say is None and sys.stderr.isatty()
        self.say = say or (lambda line: print(line, file=sys.stderr, flush=True))

    def on_train_begin(self, logs=None):
        self.began = self.shown = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_began = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if not self.live or now - self.shown < 0.2:
            return
        self.shown = now
        filled = round(20 * (batch + 1) / self.steps)
        speed = (batch + 1) * self.batch_size / (now - self.epoch_began)
        print(
            f"\repoch {self.epoch + 1}/{self.epochs} [{'#' * filled:<20}] "
            f"loss {float((logs or {}).get('loss', math.nan)):.4f}  {speed:.1f} pictures/s  "
            f"{self._left(batch + 1)} left \033[K",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def on_epoch_end(self, epoch, logs=None):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr)
        seconds = time.monotonic() - self.epoch_began
        values = "  ".join(f"{key} {float(value):.4f}" for key, value in (logs or {}).items())
        self.say(
            f"epoch {epoch + 1}/{self.epochs}  {values}  "
            f"{self.steps * self.batch_size / seconds:.1f} pictures/s  "
            f"{self._left(self.steps)} left"
        )

    def _left(self, step: int) -> str:
        done = (self.epoch - self.first_epoch) * self.steps + step
        total = (self.epochs - self.first_epoch) * self.steps
        seconds = round((time.monotonic() - self.began) / done * (total - done))
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours}:{minutes:02d}:{seconds % 60:02d}"


def new_progress() -> dict[str, Any]:
    """The progress of a run that has not begun."""
    return {"epoch": 0, "best": None, "history": [], "stopped": ""}
