"""Folder of a comparison: `DIR/NAME/` for each model, from which a second call resumes.

plan.json      plan of training and measurement
result.json    row of the table so far
run/           run folder
samples.npz    predictions for the sample images
model.tflite   exported model, where it converts
log.txt        output of its processes

`DIR/.lock` is locked by a running comparison.
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
"""Number of sample images on the sheet."""

ERRORS = {"trial": "error", "train": "error", "measure": "measure_error"}
"""Key of `result.json` for the reason why a step failed, by step."""


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Locks the folder of a comparison or an empty one; the lock ends with the process."""
    _check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"{out}: another zoo compare is running there; wait, or choose another --out."
                ) from error
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP):
                    raise
                log(f"{out}: cannot be locked; run only one zoo compare at a time in it.")
        yield


def _check_folder(out: Path) -> None:
    """Raises InputError if the folder contains anything but a comparison."""
    if not out.exists() or any(out.glob("*/plan.json")):
        return
    if not out.is_dir() or any(path.name != ".lock" for path in out.iterdir()):
        raise InputError(f"{out}: not an empty folder or a comparison; choose another --out.")


def prepare(out: Path, plans: list[Plan]) -> None:
    """Creates a folder per plan, or raises InputError where an existing one cannot be resumed."""
    _check_folder(out)
    existing = sorted(path.parent.name for path in out.glob("*/plan.json"))
    for plan in plans:
        folder = out / plan.name
        if plan.name in existing:
            _reconcile(folder, plan)
        write_json(folder / "plan.json", plan.to_dict())
    others = [name for name in existing if name not in {plan.name for plan in plans}]
    if others:
        log(f"{out}: the report leaves out {', '.join(others)}; name them to include them.")


def _reconcile(folder: Path, plan: Plan) -> None:
    """Raises InputError if the model there was trained by another plan, unless that failed."""
    before = read_plan(folder / "plan.json").to_dict()
    differing = _differing(before, plan.to_dict())
    if not differing:
        return
    if read_result(folder).get("status") != "failed":
        raise InputError(
            f"{folder}: started with {', '.join(f'{k}={v!r}' for k, v in differing.items())}; "
            "use the same settings to resume it, or choose another --out."
        )
    log(f"{plan.name}: failed earlier with other settings; it is trained again.")
    shutil.rmtree(folder)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of `before` that differ in `now`, of the plan and its recipe."""
    before = {**before, **before["recipe"]}
    now = {**now, **now["recipe"]}
    return {k: v for k, v in before.items() if k != "recipe" and v != now.get(k)}


def read_result(folder: Path) -> dict[str, Any]:
    """Returns the row of a model so far; empty at first."""
    path = folder / "result.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); remove it to resume.") from error


def update_result(folder: Path, **changes: Any) -> dict[str, Any]:
    """Updates the row of a model and returns it."""
    result = {**read_result(folder), **changes}
    write_json(folder / "result.json", result)
    return result


def record_failure(folder: Path, step: str, reason: str) -> None:
    """Records why a step failed; a model that cannot be measured is still trained."""
    changes = {ERRORS[step]: " ".join(reason.split())}
    if ERRORS[step] == "error":
        changes["status"] = "failed"
    update_result(folder, **changes)


def sample_positions(size: int) -> list[int]:
    """Returns the indices of the sample images in a split of `size` samples, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, size - 1, min(SAMPLES, size))})
