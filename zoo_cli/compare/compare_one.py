"""The process of one step of one model of a comparison: `compare_one STEP FOLDER`.

Results and errors are written to `result.json` in the folder, see `compare_folder`.
"""

from __future__ import annotations

import math
import os
import shutil
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.data.pipeline import steps_per_epoch
from training.data.proposals import with_proposals
from training.data.sources import Source, open_source
from training.run import Run, open_run
from training.trainer import fit, log
from zoo.errors import InputError
from zoo_cli.compare.compare_folder import read_result, record_failure, update_result
from zoo_cli.compare.compare_machine import machine, peak_accelerator_memory, peak_memory
from zoo_cli.compare.compare_measuring import evaluated, first_line, flops_on, measure
from zoo_cli.compare.compare_plan import Plan, read_plan
from zoo_cli.compare.compare_tasks import headline

_TRIAL_FRACTION = 0.25


def main(arguments: list[str]) -> int:
    """Runs a step and returns the exit status: 0, or 1 with the reason in `result.json`."""
    step, folder = arguments[0], Path(arguments[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        STEPS[step](folder, read_plan(folder / "plan.json"))
    except InputError as error:
        record_failure(folder, step, str(error))
        log(str(error))
        return 1
    except Exception as error:
        traceback.print_exc()
        record_failure(folder, step, f"{type(error).__name__}: {first_line(error)}")
        return 1
    return 0


def _end_with_parent() -> None:
    """Ends this process when the one that started it has ended, for any reason."""
    # Not sys.stdin: its lock, held by a waiting thread, would block the interpreter's exit.
    while os.read(0, 1):
        pass
    os._exit(1)


def trial(folder: Path, plan: Plan) -> None:
    """Measures how many epochs fit in the minutes, so that each schedule is completed.

    Trains at most two epochs in a run that is deleted; fails if none fits into the budget.
    """
    assert plan.minutes is not None
    marks: list[float] = []

    def note(line: str) -> None:
        log(line)
        if line.startswith("epoch "):
            watchdog.cancel()
            marks.append(time.monotonic())

    def too_slow() -> None:
        reason = f"no epoch was finished in the budget of {plan.budget}."
        record_failure(folder, "trial", reason)
        os._exit(1)

    source = open_source(plan.data)
    shutil.rmtree(folder / "trial", ignore_errors=True)
    watchdog = threading.Timer(60 * plan.minutes, too_slow)
    watchdog.daemon = True
    watchdog.start()
    try:
        recipe = plan.recipe.changed({"epochs": 2, "patience": 0})
        minutes = _TRIAL_FRACTION * plan.minutes
        run = fit(
            plan.architecture, source, recipe, out=folder / "trial", minutes=minutes, log=note
        )
        seconds = marks[-1] - marks[-2] if len(marks) > 1 else run.history[-1]["seconds"]
    finally:
        watchdog.cancel()
    update_result(folder, epochs_planned=epochs_in(plan.minutes, seconds))


def epochs_in(minutes: float, seconds: float) -> int:
    """Returns the number of epochs of `seconds` that fit in `minutes`, at least one."""
    return max(1, math.floor(60 * minutes / max(seconds, 1e-3)))


def train(folder: Path, plan: Plan) -> None:
    """Trains, or resumes training, and evaluates the model of the best epoch."""
    source = open_source(plan.data)
    run = _trained(folder / "run", plan, source, read_result(folder).get("epochs_planned"))
    before = read_result(folder)
    update_result(
        folder,
        name=plan.name,
        task=plan.task,
        machine=machine(),
        # A resumed process that only evaluates uses less than the one that trained.
        peak_memory=_larger(before.get("peak_memory"), peak_memory()),
        peak_accelerator_memory=_larger(
            before.get("peak_accelerator_memory"), peak_accelerator_memory()
        ),
        **_training_cost(run, source),
    )
    model = run.model()
    inputs = with_proposals(source, run.proposer, run.recipe.max_proposals)
    metrics = evaluated(run.predictor(model), folder, plan, inputs, run.labels)
    value = metrics[headline(plan.task).key]
    if value is None:
        raise InputError(f"{headline(plan.task).name} is not defined: {plan.split} has no labels.")
    update_result(
        folder,
        status="done",
        value=value,
        metrics=metrics,
        parameters=sum(math.prod(variable.shape) for variable in model.weights),
        trainable_parameters=sum(math.prod(v.shape) for v in model.trainable_variables),
        flops=flops_on(model, plan.recipe.batch.image_size),
    )


def _trained(out: Path, plan: Plan, source: Source, epochs: int | None) -> Run:
    """Returns the finished run, resumed where it exists."""
    if not (out / "checkpoint.npz").is_file():
        shutil.rmtree(out, ignore_errors=True)
        recipe = plan.recipe.changed({"epochs": epochs}) if epochs else plan.recipe
        return fit(plan.architecture, source, recipe, out=out, minutes=plan.minutes)
    run = open_run(out)
    left = None
    if plan.minutes is not None:
        left = plan.minutes - sum(row["seconds"] for row in run.history) / 60
    if run.info["finished"] or (left is not None and left <= 0):
        return run
    return fit(plan.architecture, source, out=out, resume=True, minutes=left)


def _training_cost(run: Run, source: Source) -> dict[str, Any]:
    """Returns epochs, minutes and speed of the training."""
    seconds = [row["seconds"] for row in run.history]
    # The first epoch also compiles.
    typical = statistics.median(seconds[1:] or seconds)
    batch_size = run.recipe.batch.batch_size
    images = batch_size * steps_per_epoch(source, "train", batch_size)
    return {
        "epochs": len(seconds),
        "epochs_planned": run.recipe.epochs,
        "best_epoch": run.info["best"]["epoch"],
        "minutes": round(sum(seconds) / 60, 3),
        "images_per_second": round(images / max(typical, 1e-3), 2),
    }


def _larger(one: int | None, other: int | None) -> int | None:
    return max((number for number in (one, other) if number is not None), default=None)


STEPS: dict[str, Callable[[Path, Plan], None]] = {
    "trial": trial,
    "train": train,
    "measure": measure,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
