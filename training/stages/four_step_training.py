"""Four-step training of Faster R-CNN (Ren et al., NIPS 2015, section 3.2).

1. A proposal network is trained.
2. A Fast R-CNN is trained on its proposals, without shared layers.
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
    *("backbone", "backbone_options", "norm", "width", "hidden_units", "dropout", "frozen"),
    *("max_detections", "score_threshold", "nms_iou"),
)
"""Arguments of both faster_rcnn and fast_rcnn."""

_ROIS, _PROPOSALS = 128, 2000
"""Defaults of Faster R-CNN: RoIs per image, and proposals per image in training."""

_TITLES = (
    "a proposal network",
    "a detector on its proposals, without shared layers",
    "a proposal network on the convolutions of the detector",
    "the head of the detector on the proposals of that network",
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One of the four steps: recipe and folder of its run, and its initial weights."""

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
        stored_recipe, stored_weights = out / STEPS / "recipe.toml", out / STEPS / "weights.txt"
        if not (stored_recipe.is_file() if resume else recipe.four_steps):
            return None
        if resume:
            recipe, weights = read_recipe(stored_recipe), stored_weights.read_text() or None
        else:
            _check(recipe, out)
            write_text(stored_weights, "" if weights is None else os.fspath(weights))
            write_text(stored_recipe, recipe.to_toml())
        steps = four_steps(recipe, out, weights)
        try:
            started = time.monotonic()
            for number, step in enumerate(steps):
                resume = (step.folder / "run.json").is_file()
                if number < len(steps) - 1 and resume and open_run(step.folder).info["finished"]:
                    continue
                log(f"step {number + 1} of {len(steps)}: {step.title}")
                left = minutes
                if left is not None:
                    left = max(0.0, left - (time.monotonic() - started) / 60)
                    left /= len(steps) - number
                if resume and not (step.folder / "checkpoint.npz").is_file():
                    _clear(step.folder)
                    resume = False
                start = None if resume else step.weights
                options: dict[str, Any] = {"out": step.folder, "resume": resume, "minutes": left}
                run = fit_once(source, step.recipe, **options, weights=start, log=log)
            # The last step is never skipped.
            return run
        except InputError:
            if not (steps[0].folder / "run.json").is_file():
                # Wrong input leaves no folder behind.
                shutil.rmtree(out / STEPS)
            raise


def four_steps(
    recipe: Recipe, out: Path, weights: str | os.PathLike[str] | None = None
) -> list[Step]:
    """Returns the steps of a recipe of `faster_rcnn`, the last of which is the run in `out`.

    `weights` are the initial weights of the first two steps.
    """
    folders = [*(out / STEPS / str(number) for number in (1, 2, 3)), out]
    arguments = recipe.model

    def changed(model: dict[str, Any], **changes: Any) -> Recipe:
        return dataclasses.replace(recipe, four_steps=False, model=model, **changes)

    fast = {key: arguments[key] for key in _COMMON if arguments.get(key)}
    fast |= {"rois_per_image": arguments.get("rois_per_image") or _ROIS}
    fast |= {"max_proposals": (arguments.get("proposals") or [_PROPOSALS])[0]}
    frozen = {**arguments, "freeze_backbone": True}
    proposals = {"trainable_part": "proposals"}
    detector = {"architecture": "fast_rcnn", "max_proposals": fast["max_proposals"]}
    detector |= {"proposals": f"network:{folders[0].absolute()}"}
    recipes = [
        changed({**arguments, **proposals}),
        changed(fast, **detector),
        changed({**frozen, **proposals}),
        changed({**frozen, "trainable_part": "regions"}),
    ]
    starts = [weights, weights, folders[1] / "model.keras", folders[2] / "model.keras"]
    return [Step(*step) for step in zip(_TITLES, recipes, folders, starts, strict=True)]


def _clear(folder: Path) -> None:
    """Removes a run without a finished epoch."""
    for path in folder.iterdir():
        if path.name == STEPS:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


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
