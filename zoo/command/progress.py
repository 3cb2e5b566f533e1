"""A bar on standard error that says how far a pass through data has come."""

from __future__ import annotations

import sys
import time


class Bar:
    """One line that is written over, where standard error is a terminal; else nothing.

    Args:
        total: steps in all.
        unit: what a step is, in the plural.
    """

    def __init__(self, total: int, unit: str = "pictures"):
        self.total, self.unit = total, unit
        self.done = 0
        self.live = sys.stderr.isatty()
        self.began = time.monotonic()
        self.shown = self.began

    def step(self, text: str = "") -> None:
        """One step more."""
        self.done += 1
        now = time.monotonic()
        if not self.live or (now - self.shown < 0.2 and self.done < self.total):
            return
        self.shown = now
        filled = round(20 * self.done / max(1, self.total))
        speed = self.done / max(now - self.began, 1e-9)
        left = round((self.total - self.done) / speed)
        self._write(
            f"\r{text} [{'#' * filled:<20}] {self.done}/{self.total} {self.unit}  {speed:.0f}/s  "
            f"{left // 60}:{left % 60:02d} left \033[K"
        )

    def close(self) -> None:
        """Clears the line."""
        if self.live:
            self._write("\r\033[K")

    @staticmethod
    def _write(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)
