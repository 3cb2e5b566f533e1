"""Four-step training of Faster R-CNN (Ren et al., NIPS 2015, section 3.2).

1. A proposal network is trained.
2. A Fast R-CNN is trained on its proposals; the two share nothing.
3. The convolutions of the detector are frozen, and a proposal network is trained on them.
4. The head of the detector is trained on the proposals of that network; both share convolutions.

Each step is a run of `epochs` epochs: 1 to 3 in `OUT/steps`, the last one in `OUT`. `OUT/steps`
also has the recipe of the whole training, and the name of the initial weights.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.data.sources import Source
from training.recipe import Recipe, read_recipe
from training.run import STEPS, Run, is_free, open_run
from training.stages.stage import Stage
from zoo.errors import InputError
from zoo.files.atomic_writes import write_text

_COMMON = (
    "backbone",
    "norm",
    "width",
    "hidden_units",
    "dropout",
    "frozen",
    "max_detections",
    "score_threshold",
    "nms_iou",
    "backbone_options",
)
"""Arguments of both faster_rcnn and fast_rcnn."""

_ROIS, _PROPOSALS = 128, 2000
"""Defaults of Faster R-CNN: RoIs per image, and proposals per image in training."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One of the four steps.

    Attributes:
        title: what is trained, for the log.
        recipe: recipe of the step's run.
        folder: folder of the step's run.
        weights: initial weights.
    """

    title: str
    recipe: Recipe
    folder: Path
    weights: str | os.PathLike[str] | None


class FourStepTraining(Stage):
    """Trains in four steps where the recipe has `four_steps`; `minutes` is divided among them."""

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
        stored = (out / STEPS / "recipe.toml").is_file()
        if not (stored if resume else recipe.four_steps):
            return None
        if resume:
            recipe, weights = _stored_start(out)
        else:
            _check(recipe, out)
            _store_start(out, recipe, weights)
        steps = four_steps(recipe, out, weights)
        try:
            return _fit_steps(fit_once, steps, source, minutes, log)
        except InputError:
            if not (steps[0].folder / "run.json").is_file():
                # Wrong input leaves no folder behind.
                shutil.rmtree(out / STEPS)
            raise


def _fit_steps(
    fit_once: Callable[..., Run],
    steps: list[Step],
    source: Source,
    minutes: float | None,
    log: Callable[[str], None],
) -> Run:
    started = time.monotonic()
    for number, step in enumerate(steps):
        if number < len(steps) - 1 and _finished(step.folder):
            continue
        log(f"step {number + 1} of {len(steps)}: {step.title}")
        left = None
        if minutes is not None:
            left = max(0.0, minutes - (time.monotonic() - started) / 60) / (len(steps) - number)
        run = _fit_step(fit_once, step, source, left, log)
    # The last step is never skipped.
    return run


def four_steps(
    recipe: Recipe, out: Path, weights: str | os.PathLike[str] | None = None
) -> list[Step]:
    """Returns the steps of a recipe of `faster_rcnn`.

    Args:
        recipe: recipe of the whole training.
        out: folder of the last run.
        weights: initial weights of the first two steps.
    """
    folders = [*(out / STEPS / str(number) for number in (1, 2, 3)), out]
    arguments = recipe.model

    def changed(model: dict[str, Any], **changes: Any) -> Recipe:
        return dataclasses.replace(recipe, four_steps=False, model=model, **changes)

    fast = {key: arguments[key] for key in _COMMON if arguments.get(key)}
    fast |= {"rois_per_image": arguments.get("rois_per_image") or _ROIS}
    fast |= {"max_proposals": (arguments.get("proposals") or [_PROPOSALS])[0]}
    frozen = {**arguments, "freeze_backbone": True}
    return [
        Step(
            "a proposal network",
            changed({**arguments, "trainable_part": "proposals"}),
            folders[0],
            weights,
        ),
        Step(
            "a detector on its proposals, without shared layers",
            changed(
                fast,
                architecture="fast_rcnn",
                proposals=f"network:{folders[0].absolute()}",
                max_proposals=fast["max_proposals"],
            ),
            folders[1],
            weights,
        ),
        Step(
            "a proposal network on the convolutions of the detector",
            changed({**frozen, "trainable_part": "proposals"}),
            folders[2],
            folders[1] / "model.keras",
        ),
        Step(
            "the head of the detector on the proposals of that network",
            changed({**frozen, "trainable_part": "regions"}),
            folders[3],
            folders[2] / "model.keras",
        ),
    ]


def _fit_step(
    fit_once: Callable[..., Run],
    step: Step,
    source: Source,
    minutes: float | None,
    log: Callable[[str], None],
) -> Run:
    """Starts or resumes the run of a step."""
    resume = (step.folder / "run.json").is_file()
    if resume and not (step.folder / "checkpoint.npz").is_file():
        _clear(step.folder)
        resume = False
    return fit_once(
        source,
        step.recipe,
        out=step.folder,
        resume=resume,
        minutes=minutes,
        weights=None if resume else step.weights,
        log=log,
    )


def _clear(folder: Path) -> None:
    """Removes a run without a finished epoch."""
    for path in folder.iterdir():
        if path.name == STEPS:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _finished(folder: Path) -> bool:
    return (folder / "run.json").is_file() and open_run(folder).info["finished"]


def _store_start(out: Path, recipe: Recipe, weights: str | os.PathLike[str] | None) -> None:
    write_text(out / STEPS / "weights.txt", "" if weights is None else os.fspath(weights))
    write_text(out / STEPS / "recipe.toml", recipe.to_toml())


def _stored_start(out: Path) -> tuple[Recipe, str | None]:
    """Returns the recipe of the whole training, and the initial weights of its first two steps."""
    weights = (out / STEPS / "weights.txt").read_text()
    return read_recipe(out / STEPS / "recipe.toml"), weights or None


def _check(recipe: Recipe, out: Path) -> None:
    if not is_free(out) or (out / STEPS).exists():
        raise InputError(f"{out}: folder is not empty; use another, or --resume its run.")
    if recipe.model.get("head", "fc") != "fc":
        raise InputError(
            "recipe: four_steps is for a single feature map, as in the paper; leave it out, or "
            "model.head."
        )
    if "trainable_part" in recipe.model:
        raise InputError(
            "recipe: four_steps sets trainable_part in each step; leave model.trainable_part out."
        )
