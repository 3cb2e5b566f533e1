"""The folder of a comparison: `DIR/NAME/` for each model, kept so that a second call goes on.

plan.json      how the model is trained and measured
result.json    its row of the table, as far as it is known
run/           its run folder
samples.npz    its answers for the sample images
model.tflite   what it is exported to, where it can be
log.txt        what its processes said

`DIR/.lock` is held by the comparison that is at work there.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json
from zoo_cli.compare.compare_plan import Plan, read_plan

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

SAMPLES = 4
"""Images that every model answers for the sheet."""

ERRORS = {"trial": "error", "train": "error", "measure": "measure_error"}
"""Entry of `result.json` that says why a step failed, by step."""


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keeps other comparisons out of the folder; the lock goes with the process that holds it.

    Raises:
        InputError: another comparison is at work there, or the folder is none of a comparison.
    """
    _check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"{out}: another zoo compare is at work there; wait, or choose another --out."
                ) from error
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP):
                    raise
                log(f"{out}: cannot be locked here; run one zoo compare at a time in it")
        yield


def _check_folder(out: Path) -> None:
    """Makes sure that nothing but a comparison is there."""
    if not out.exists() or any(out.glob("*/plan.json")):
        return
    if not out.is_dir() or any(path.name != ".lock" for path in out.iterdir()):
        raise InputError(f"{out}: neither an empty folder nor one of zoo compare; choose another.")


def prepare(out: Path, plans: list[Plan]) -> None:
    """Makes a folder for each plan, or finds it in a state that can be gone on from.

    Raises:
        InputError: the folder holds something else, or models that were trained otherwise.
    """
    _check_folder(out)
    held = sorted(path.parent.name for path in out.glob("*/plan.json"))
    for plan in plans:
        folder = out / plan.name
        if plan.name in held:
            _reconcile(folder, plan)
        write_json(folder / "plan.json", plan.to_dict())
    others = [name for name in held if name not in {plan.name for plan in plans}]
    if others:
        log(f"{out} also holds {', '.join(others)}; name them too to have them in the report")


def _reconcile(folder: Path, plan: Plan) -> None:
    """Makes sure that what is there was made by the same plan."""
    before = read_plan(folder / "plan.json").to_dict()
    differing = _differing(before, plan.to_dict())
    if not differing:
        return
    if read_result(folder).get("status") != "failed":
        raise InputError(
            f"{folder}: was begun with {', '.join(f'{k}={v!r}' for k, v in differing.items())}; "
            "say the same again to go on, or choose another --out."
        )
    log(f"{plan.name}: failed before and is set otherwise now, so it begins anew")
    shutil.rmtree(folder)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Values of `before` that are others in `now`; the recipe's keys stand beside the plan's."""
    before = {**before, **before["recipe"]}
    now = {**now, **now["recipe"]}
    return {k: v for k, v in before.items() if k != "recipe" and v != now.get(k)}


def read_result(folder: Path) -> dict[str, Any]:
    """The row of a model so far; empty if nothing is known yet.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / "result.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); remove it to go on.") from error


def update_result(folder: Path, **changes: Any) -> dict[str, Any]:
    """Adds to the row of a model and returns it."""
    result = {**read_result(folder), **changes}
    write_json(folder / "result.json", result)
    return result


def record_failure(folder: Path, step: str, reason: str) -> None:
    """Notes why a step failed; a model that cannot be measured has still been trained."""
    changes = {ERRORS[step]: " ".join(reason.split())}
    if ERRORS[step] == "error":
        changes["status"] = "failed"
    update_result(folder, **changes)


def sample_positions(size: int) -> list[int]:
    """Places of the sample images in a split, spread over it."""
    return sorted(
        {
            round(transform_images)
            for transform_images in np.linspace(0, size - 1, min(SAMPLES, size))
        }
    )
