"""`zoo compare`: trains several models on the user's data under one budget, and says which to take.

Every step of every model is a process of its own: a crash or a lack of memory costs one row, and
what a process used is what the model needed.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import tensorflow as tf

from training.data.sources import open_source
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.compare.compare_folder import (
    ERRORS,
    locked,
    prepare,
    read_result,
    record_failure,
    update_result,
)
from zoo_cli.compare.compare_plan import Plan, make_plans
from zoo_cli.compare.compare_report import Report, write_report
from zoo_cli.output import print_json

_ROOT = str(Path(__file__).resolve().parents[2])
# -P keeps a file of the user's that is called zoo.py or training.py from being imported.
_PROGRAM = (
    "import sys; sys.path.count({root!r}) or sys.path.insert(0, {root!r}); "
    "from zoo_cli.compare.compare_one import main; sys.exit(main(sys.argv[1:]))"
)


def run_compare(options: Namespace) -> int:
    """Trains, measures and reports; returns 1 when no model came through, 130 if interrupted."""
    _leave_accelerators()
    source = open_source(options.data)
    plans = make_plans(options, source)
    out = Path(options.out or f"runs/compare-{time.strftime('%Y%m%d-%H%M%S')}")
    if options.measure_again and not any(out.glob("*/result.json")):
        raise InputError("--measure-again needs the --out DIR of a comparison that has been made.")
    with locked(out):
        prepare(out, plans)
        for note in source.notes:
            log(f"{source.spec}: {note}")
        try:
            done = bring_to_end(out, plans, options.measure_again)
        except KeyboardInterrupt:
            log(f"zoo: interrupted; the same with --out {shlex.quote(str(out))} goes on from here.")
            return 130
        rows = [
            {"name": plan.name, "architecture": plan.architecture, **read_result(out / plan.name)}
            for plan in plans
        ]
        report = Report(_words(options, out), source, plans, rows)
        write_report(report, out)
    if options.json:
        print_json(report.to_dict())
    else:
        print(report.to_text())
        log(f"report: {out / 'report.md'}")
    return 0 if done else 1


def bring_to_end(out: Path, plans: list[Plan], measure_again: bool = False) -> list[Plan]:
    """Trains what is not trained and measures what is not measured; returns what came through.

    `measure_again` measures what is trained, and nothing else.
    """
    trained = [
        train(out / plan.name, plan, f"{number}/{len(plans)}")
        for number, plan in enumerate([] if measure_again else plans, 1)
    ]
    done = [plan for plan in plans if read_result(out / plan.name).get("status") == "done"]
    # Times are compared, so all are taken together or none.
    if measure_again or any(trained) or not all(measured(out / plan.name) for plan in done):
        for plan in done:
            measure(out / plan.name, export_again=measure_again)
    return done


def train(folder: Path, plan: Plan, position: str) -> bool:
    """Brings a model to the end of its training; returns whether there was anything to do."""
    result = read_result(folder)
    if result.get("status") == "done":
        log(f"[{position}] {plan.name}: trained already")
        return False
    update_result(folder, name=plan.name, task=plan.task, status="begun", error=None)
    log(f"[{position}] {plan.name}: training ({plan.budget}); log: {folder / 'log.txt'}")
    begun = "epochs_planned" in result or (folder / "run" / "checkpoint.npz").is_file()
    ready = True
    if plan.minutes is not None and not begun:
        ready = run_step("trial", folder)
        shutil.rmtree(folder / "trial", ignore_errors=True)
    if ready:
        run_step("train", folder)
    return True


def measured(folder: Path) -> bool:
    """Whether a model has been timed and exported."""
    result = read_result(folder)
    found = all(result.get(key) is not None for key in ("milliseconds", "exported_bytes"))
    return found and not result.get("measure_error")


def measure(folder: Path, export_again: bool = False) -> None:
    """Times a trained model, and exports it unless it has been."""
    log(f"{folder.name}: timing and exporting")
    changes = {"exported_bytes": None} if export_again else {}
    update_result(folder, measure_error=None, **changes)
    run_step("measure", folder)


def run_step(step: str, folder: Path) -> bool:
    """Runs a step in a process of its own; returns whether it came through.

    Where it did not, `result.json` says why.
    """
    with (
        (folder / "log.txt").open("a") as log_file,
        subprocess.Popen(
            step_command(step, folder),
            # Ends with this process, whatever happens to it: nothing is ever written there.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        last = ""
        try:
            for line in process.stdout:
                log_file.write(line)
                log_file.flush()
                last = line.strip() or last
                if line.startswith("epoch "):
                    log(f"{folder.name}: {line.rstrip()}")
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code == 0:
        return True
    if not read_result(folder).get(ERRORS[step]):
        record_failure(folder, step, failure(code, last))
    log(f"{folder.name}: failed: {read_result(folder)[ERRORS[step]]}")
    return False


def step_command(step: str, folder: Path) -> list[str]:
    """The command line of a step."""
    return [sys.executable, "-P", "-c", _PROGRAM.format(root=_ROOT), step, str(folder)]


def failure(code: int, last: str) -> str:
    """Why a process ended, from its exit status and its last line."""
    if code >= 0:
        return last or f"ended with status {code}"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    if name == " (SIGKILL)":
        return "killed by signal 9, probably out of memory"
    return f"killed by signal {-code}{name}" + (f": {last}" if last else "")


def _leave_accelerators() -> None:
    """Keeps this process from taking an accelerator's memory, which the models' own need."""
    if not tf.config.list_physical_devices("GPU"):
        return
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise InputError(
            "the accelerator is in use by the program that called zoo compare; "
            "call it from one that has not used it."
        ) from error


def _words(options: Namespace, out: Path) -> str:
    """The command line that goes on with, or repeats, this comparison."""
    words = ["zoo", "compare", *options.names, "--data", options.data]
    for key in ("task", "split", "minutes", "epochs", "batch_size"):
        if getattr(options, key) is not None:
            words += [f"--{key.replace('_', '-')}", f"{getattr(options, key)}"]
    if options.image_size is not None:
        words += ["--image-size", "x".join(map(str, options.image_size))]
    for setting in options.set:
        words += ["--set", setting]
    words += ["--tiny"] * options.tiny + ["--out", str(out)]
    return shlex.join(words)
