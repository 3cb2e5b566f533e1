"""The hooks that a stage of training can implement."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from training.data.batch_config import BatchConfig
from training.data.sources import Source
from training.recipe import Recipe
from training.run import Run
from zoo import Model


class Stage:
    """A stage of training besides gradient descent; its hooks do nothing by default."""

    def fit(
        self,
        fit_once: Callable[..., Run],
        source: Source,
        recipe: Recipe,
        *,
        out: Path,
        resume: bool,
        minutes: float | None,
        weights: str | os.PathLike[str] | None,
        log: Callable[[str], None],
    ) -> Run | None:
        """Trains the model in place of a single call of `fit_once`; None if that call is right.

        `fit_once` is `training.trainer.fit_single_stage`; the others are as of `training.fit`.
        """
        return None

    def prepare(
        self, model: Model, source: Source, batches: BatchConfig, recipe: Recipe
    ) -> list[str]:
        """Prepares the model before it is compiled; returns lines for the log."""
        return []

    def conclude(
        self, run: Run, source: Source, val_split: str, log: Callable[[str], None]
    ) -> None:
        """Completes the model of the best epoch after the last epoch."""
