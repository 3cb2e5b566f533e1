"""One step of one model of a comparison, in a process of its own: `compare_one STEP FOLDER`.

What it finds goes to `result.json` in the folder, an error too; see `compare_folder`.
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

_TRIAL_SHARE = 0.25


def main(arguments: list[str]) -> int:
    """Does a step and returns the exit status: 0, or 1 with the reason in `result.json`."""
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
    """Ends this process when the one that started it is gone, however it went."""
    # Not sys.stdin: its lock, held by a waiting thread, would stop the interpreter from ending.
    while os.read(0, 1):
        pass
    os._exit(1)


def trial(folder: Path, plan: Plan) -> None:
    """Finds how many epochs fit in the minutes, so that each model's schedule comes to its end.

    At most two epochs in a run that is thrown away. A model that does not finish one epoch in the
    whole budget fails here.
    """
    assert plan.minutes is not None
    marks: list[float] = []

    def note(line: str) -> None:
        log(line)
        if line.startswith("epoch "):
            watchdog.cancel()
            marks.append(time.monotonic())

    def too_slow() -> None:
        reason = f"not one epoch was finished in the budget of {plan.budget}"
        record_failure(folder, "trial", reason)
        os._exit(1)

    source = open_source(plan.data)
    shutil.rmtree(folder / "trial", ignore_errors=True)
    watchdog = threading.Timer(60 * plan.minutes, too_slow)
    watchdog.daemon = True
    watchdog.start()
    try:
        recipe = plan.recipe.changed({"epochs": 2, "patience": 0})
        share = _TRIAL_SHARE * plan.minutes
        run = fit(plan.architecture, source, recipe, out=folder / "trial", minutes=share, log=note)
        seconds = marks[-1] - marks[-2] if len(marks) > 1 else run.history[-1]["seconds"]
    finally:
        watchdog.cancel()
    update_result(folder, epochs_planned=epochs_in(plan.minutes, seconds))


def epochs_in(minutes: float, seconds: float) -> int:
    """Epochs of so many seconds each that fit in the minutes; at least one."""
    return max(1, math.floor(60 * minutes / max(seconds, 1e-3)))


def train(folder: Path, plan: Plan) -> None:
    """Trains, or goes on with training, and measures the answers of the best epoch's model."""
    source = open_source(plan.data)
    run = _trained(folder / "run", plan, source, read_result(folder).get("epochs_planned"))
    before = read_result(folder)
    update_result(
        folder,
        name=plan.name,
        task=plan.task,
        machine=machine(),
        # A process that only goes on to measure has used less than the one that trained.
        peak_memory=_larger(before.get("peak_memory"), peak_memory()),
        peak_accelerator_memory=_larger(
            before.get("peak_accelerator_memory"), peak_accelerator_memory()
        ),
        **_course(run, source),
    )
    model = run.model()
    shown = with_proposals(source, run.proposer, run.recipe.max_proposals)
    metrics = evaluated(run.predictor(model), folder, plan, shown, run.labels)
    value = metrics[headline(plan.task).key]
    if value is None:
        raise InputError(f"{headline(plan.task).name} is not defined: nothing is labelled there.")
    update_result(
        folder,
        status="done",
        value=value,
        metrics=metrics,
        parameters=sum(math.prod(variable.shape) for variable in model.weights),
        trainable_parameters=sum(math.prod(v.shape) for v in model.trainable_variables),
        flops=flops_on(model, plan.recipe.image_size),
    )


def _trained(out: Path, plan: Plan, source: Source, epochs: int | None) -> Run:
    """The finished run, from wherever it stands."""
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


def _course(run: Run, source: Source) -> dict[str, Any]:
    """What training took."""
    seconds = [row["seconds"] for row in run.history]
    # The first epoch also compiles.
    typical = statistics.median(seconds[1:] or seconds)
    images = run.recipe.batch_size * steps_per_epoch(source, "train", run.recipe.batch_size)
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
