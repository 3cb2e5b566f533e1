"""Progress bars on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Collection

import keras

from zoo import console
from zoo.console import log


class Bar:
    """A progress bar for a `with` block; call it with the number of steps done, or `step` it.

    Without a terminal it prints nothing. `unit` is the unit of the steps, in the plural.
    """

    def __init__(self, title: str, total: int, unit: str = "images"):
        self.title, self.total, self.unit = title, total, unit
        self.done = 0
        self.live = sys.stderr.isatty()
        self.started = time.monotonic()
        self.updated = 0.0

    def __enter__(self) -> Bar:
        return self

    def step(self, title: str = "") -> None:
        """Advances the bar by one step, with another title where one is given."""
        self.title = title or self.title
        self(self.done + 1)

    def __call__(self, done: int) -> None:
        self.done = done
        now = time.monotonic()
        if not self.live or (now - self.updated < 0.2 and done < self.total):
            return
        self.updated = now
        filled = round(20 * done / max(self.total, 1))
        speed = max(done, 1) / max(now - self.started, 1e-9)
        left = round((self.total - done) / speed)
        text = (
            f"\r{self.title} [{'#' * filled:<20}] {done}/{self.total} {self.unit}  {speed:.0f}/s  "
            f"{left // 60}:{left % 60:02d} left \033[K"
        )
        print(text, end="", file=sys.stderr, flush=True)

    def __exit__(self, *error: object) -> None:
        if self.live and self.updated:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Progress(keras.callbacks.Callback):
    """Shows the progress of the training: metrics, images per second, time left.

    The first epoch is counted from 0; metrics in `hidden`, which may grow later, are left out.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        batch_size: int,
        first_epoch: int = 0,
        log: Callable[[str], None] = log,
        hidden: Collection[str] = (),
    ):
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.first_epoch = first_epoch
        self.hidden = hidden
        self.live = log is console.log and sys.stderr.isatty()
        self.log = log

    def on_train_begin(self, logs=None):
        self.started = self.updated = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if not self.live or now - self.updated < 0.2:
            return
        self.updated = now
        filled = round(20 * (batch + 1) / self.steps)
        speed = (batch + 1) * self.batch_size / (now - self.epoch_started)
        print(
            f"\repoch {self.epoch + 1}/{self.epochs} [{'#' * filled:<20}] "
            f"loss {float((logs or {}).get('loss', math.nan)):.4f}  {speed:.1f} images/s  "
            f"{self._left(batch + 1)} left \033[K",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def on_epoch_end(self, epoch, logs=None):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr)
        seconds = time.monotonic() - self.epoch_started
        shown = {key: value for key, value in (logs or {}).items() if key not in self.hidden}
        values = "  ".join(f"{key} {float(value):.4f}" for key, value in shown.items())
        self.log(
            f"epoch {epoch + 1}/{self.epochs}  {values}  "
            f"{self.steps * self.batch_size / seconds:.1f} images/s  "
            f"{self._left(self.steps)} left"
        )

    def _left(self, step: int) -> str:
        done = (self.epoch - self.first_epoch) * self.steps + step
        total = (self.epochs - self.first_epoch) * self.steps
        seconds = round((time.monotonic() - self.started) / done * (total - done))
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours}:{minutes:02d}:{seconds % 60:02d}"
