"""Faster R-CNN in the paper's four steps (Ren et al., NIPS 2015, section 3.2).

1. A proposal network is trained.
2. A Fast R-CNN is trained on its boxes; the two share nothing.
3. The detector's convolutions are fixed, and a proposal network is trained on them.
4. The detector's own layers are trained on the boxes of that one, and both share their maps.

Each step is a run, of the recipe's number of epochs: 1 to 3 in `OUT/steps`, the last one in `OUT`.
`OUT/steps` also keeps the recipe for all of them, and what the first two start from.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zoo
from training.data.sources import Source, open_source
from training.recipe import Recipe, read_recipe, recipe_for
from training.run import STEPS, Run, is_free, open_run
from training.trainer import fit_single_stage
from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import write_text

_COMMON = (
    "backbone",
    "norm",
    "width",
    "units",
    "dropout",
    "frozen",
    "detections",
    "score_threshold",
    "nms_iou",
    "backbone_options",
)
"""What faster_rcnn and fast_rcnn call the same; 0 or None leaves it to either."""

_REGIONS, _PROPOSALS = 128, 2000
"""Of Faster R-CNN on one map: regions to learn from, and boxes that it keeps in training."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One of the four.

    Attributes:
        says: what it does, for the user.
        architecture, recipe: of its run.
        folder: of its run.
        weights: what it starts from.
    """

    says: str
    architecture: str
    recipe: Recipe
    folder: Path
    weights: str | os.PathLike[str] | None


def fit_four_steps(
    architecture: str,
    data: str | Source,
    recipe: Recipe | None = None,
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    minutes: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    log: Callable[[str], None] = log,
) -> Run:
    """As `fit`, in four steps; what is left of `minutes` is shared by those to come.

    Raises:
        InputError: another architecture, a form of it that the steps are not for, or as `fit`.
    """
    out = Path(out)
    source = data if isinstance(data, Source) else open_source(data)
    if resume:
        recipe, weights = _remembered(out)
    else:
        recipe = recipe or recipe_for(architecture, zoo.card(architecture).task)
        _check(architecture, recipe, out)
        _remember(out, recipe, weights)
    steps = four_steps(recipe, out, weights)
    try:
        return _go_through_all(steps, source, minutes, log)
    except InputError:
        if not (steps[0].folder / "run.json").is_file():
            # What the user can put right is not in the way next time.
            shutil.rmtree(out / STEPS)
        raise


def _go_through_all(
    steps: list[Step], source: Source, minutes: float | None, log: Callable[[str], None]
) -> Run:
    began = time.monotonic()
    for number, step in enumerate(steps):
        if number < len(steps) - 1 and _finished(step.folder):
            continue
        log(f"step {number + 1} of {len(steps)}: {step.says}")
        left = None
        if minutes is not None:
            left = max(0.0, minutes - (time.monotonic() - began) / 60) / (len(steps) - number)
        run = _go_through(step, source, left, log)
    # The last step is never passed over.
    return run


def four_steps(
    recipe: Recipe, out: Path, weights: str | os.PathLike[str] | None = None
) -> list[Step]:
    """The steps of a recipe of `faster_rcnn`.

    Args:
        recipe: for all of them.
        out: folder of the last run.
        weights: what the first two steps start from.
    """
    folders = [*(out / STEPS / str(number) for number in (1, 2, 3)), out]
    own = recipe.model

    def changed(model: dict[str, Any], **changes: Any) -> Recipe:
        return dataclasses.replace(recipe, four_steps=False, model=model, **changes)

    fast = {key: own[key] for key in _COMMON if own.get(key)}
    fast |= {"regions": own.get("regions") or _REGIONS}
    fast |= {"proposals": (own.get("proposals") or [_PROPOSALS])[0]}
    given = {"proposals": f"network:{folders[0].absolute()}", "max_proposals": fast["proposals"]}
    fixed = {**own, "frozen": -1}
    return [
        Step(
            "a proposal network",
            "faster_rcnn",
            changed({**own, "trainable_part": "proposals"}),
            folders[0],
            weights,
        ),
        Step(
            "a detector on its boxes, which shares nothing with it",
            "fast_rcnn",
            changed(fast, **given),
            folders[1],
            weights,
        ),
        Step(
            "a proposal network on the detector's convolutions",
            "faster_rcnn",
            changed({**fixed, "trainable_part": "proposals"}),
            folders[2],
            folders[1] / "model.keras",
        ),
        Step(
            "the detector's own layers on the boxes of that one",
            "faster_rcnn",
            changed({**fixed, "trainable_part": "regions"}),
            folders[3],
            folders[2] / "model.keras",
        ),
    ]


def _go_through(
    step: Step, source: Source, minutes: float | None, log: Callable[[str], None]
) -> Run:
    """The step's run, begun or gone on with."""
    begun = (step.folder / "run.json").is_file()
    if begun and not (step.folder / "checkpoint.npz").is_file():
        _clear(step.folder)
        begun = False
    if begun:
        return fit_single_stage(
            step.architecture, source, out=step.folder, resume=True, minutes=minutes, log=log
        )
    return fit_single_stage(
        step.architecture,
        source,
        step.recipe,
        out=step.folder,
        minutes=minutes,
        weights=step.weights,
        log=log,
    )


def _clear(folder: Path) -> None:
    """Takes away a run of which not one epoch has finished."""
    for path in folder.iterdir():
        if path.name == STEPS:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _finished(folder: Path) -> bool:
    return (folder / "run.json").is_file() and open_run(folder).info["finished"]


def _remember(out: Path, recipe: Recipe, weights: str | os.PathLike[str] | None) -> None:
    write_text(out / STEPS / "weights.txt", "" if weights is None else os.fspath(weights))
    write_text(out / STEPS / "recipe.toml", recipe.to_toml())


def _remembered(out: Path) -> tuple[Recipe, str | None]:
    """The recipe that a run in steps was begun with, and what its first two steps start from."""
    weights = (out / STEPS / "weights.txt").read_text()
    return read_recipe(out / STEPS / "recipe.toml"), weights or None


def _check(architecture: str, recipe: Recipe, out: Path) -> None:
    if not is_free(out) or (out / STEPS).exists():
        raise InputError(f"{out}: not an empty folder; choose another, or --resume the run there.")
    if architecture != "faster_rcnn":
        raise InputError(f"recipe: four_steps is for faster_rcnn, not for {architecture}.")
    if recipe.model.get("pyramid"):
        raise InputError(
            "recipe: the four steps are for one map, as in the paper; with model.pyramid leave "
            "four_steps out."
        )
    if "trainable_part" in recipe.model:
        raise InputError(
            "recipe: the four steps say themselves what each learns; leave trainable_part out."
        )
