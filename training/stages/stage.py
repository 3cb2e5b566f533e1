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
    """A stage of training besides the gradient steps; its hooks do nothing by default."""

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
        """Trains the model in place of a single call of `fit_once`.

        Args:
            fit_once: `training.trainer.fit_single_stage`.
            source: data set.
            recipe: recipe of the whole training.
            out: as of `training.fit`.
            resume: as of `training.fit`.
            minutes: as of `training.fit`.
            weights: as of `training.fit`.
            log: as of `training.fit`.

        Returns:
            The run, or None if a single call of `fit_once` is right.
        """
        return None

    def prepare(
        self, model: Model, source: Source, batches: BatchConfig, recipe: Recipe
    ) -> list[str]:
        """Prepares the model before it is compiled; returns lines for the log.

        Raises:
            InputError: if the data set lacks what the preparation needs.
        """
        return []

    def conclude(
        self, run: Run, source: Source, val_split: str, log: Callable[[str], None]
    ) -> None:
        """Completes the model of the best epoch after the last epoch.

        Args:
            run: the run.
            source: data set, with its proposals.
            val_split: validation split.
            log: function that takes lines for the user.

        Raises:
            InputError: if the data set lacks what the stage needs.
        """
