"""`zoo compare`: trains several models on the user's data under one budget and recommends one.

Every step of every model has its own process, so that a crash or a lack of memory costs one row,
and the peak memory of a process is that of the model.
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

from training.data.defect_warning import warn_of_defects
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
from zoo_cli.compare.compare_plan import Plan, make_plans, read_comparison
from zoo_cli.compare.compare_report import Report, write_report
from zoo_cli.output import print_json


def run_compare(options: Namespace) -> int:
    """Trains, measures and reports; returns 1 when every model failed, 130 when interrupted."""
    _leave_accelerators()
    options = read_comparison(options)
    source = open_source(options.data)
    try:
        plans = make_plans(options, source)
    except InputError as error:
        raise InputError(f"{options.recipe}: {error}" if options.recipe else str(error)) from error
    out = Path(options.out or f"runs/compare-{time.strftime('%Y%m%d-%H%M%S')}")
    if options.measure_again and not any(out.glob("*/result.json")):
        raise InputError("--measure-again needs --out DIR, the folder of an existing comparison.")
    with locked(out):
        prepare(out, plans)
        for note in source.notes:
            log(f"{source.spec}: {note}")
        warn_of_defects(source, {"train", source.validation_split(), *(p.split for p in plans)})
        try:
            done = run_plans(out, plans, options.measure_again)
        except KeyboardInterrupt:
            log(f"zoo: interrupted; resume with --out {shlex.quote(str(out))}.")
            return 130
        rows = [
            {"name": plan.name, "architecture": plan.architecture, **read_result(out / plan.name)}
            for plan in plans
        ]
        report = Report(_command_line(options, out), source, plans, rows)
        write_report(report, out)
    if options.json:
        print_json(report.to_dict())
    else:
        print(report.to_text())
        log(f"report: {out / 'report.md'}")
    return 0 if done else 1


def run_plans(out: Path, plans: list[Plan], measure_again: bool = False) -> list[Plan]:
    """Trains and measures what is missing; returns the plans whose models are trained.

    With `measure_again` all trained models are measured again, and none is trained.
    """
    trained = [
        train(out / plan.name, plan, f"{number}/{len(plans)}")
        for number, plan in enumerate([] if measure_again else plans, 1)
    ]
    done = [plan for plan in plans if read_result(out / plan.name).get("status") == "done"]
    # Latencies are compared, so all are measured together or none.
    if measure_again or any(trained) or not all(measured(out / plan.name) for plan in done):
        for plan in done:
            measure(out / plan.name, export_again=measure_again)
    return done


def train(folder: Path, plan: Plan, position: str) -> bool:
    """Trains a model to its last epoch; returns whether anything was left to do."""
    result = read_result(folder)
    if result.get("status") == "done":
        log(f"[{position}] {plan.name}: already trained")
        return False
    update_result(folder, name=plan.name, task=plan.task, status="started", error=None)
    log(f"[{position}] {plan.name}: training ({plan.budget}); log: {folder / 'log.txt'}")
    started = "epochs_planned" in result or (folder / "run" / "checkpoint.npz").is_file()
    ready = True
    if plan.minutes is not None and not started:
        ready = run_step("trial", folder)
        shutil.rmtree(folder / "trial", ignore_errors=True)
    if ready:
        run_step("train", folder)
    return True


def measured(folder: Path) -> bool:
    """Whether a model has been timed and exported without an error."""
    result = read_result(folder)
    complete = all(result.get(key) is not None for key in ("milliseconds", "exported_bytes"))
    return complete and not result.get("measure_error")


def measure(folder: Path, export_again: bool = False) -> None:
    """Times a trained model, and exports it where no exported file exists or on request."""
    log(f"{folder.name}: timing and exporting")
    changes = {"exported_bytes": None} if export_again else {}
    update_result(folder, measure_error=None, **changes)
    run_step("measure", folder)


def run_step(step: str, folder: Path) -> bool:
    """Runs a step in a new process; returns whether it succeeded, else records the reason."""
    with (
        (folder / "log.txt").open("a") as log_file,
        subprocess.Popen(
            step_command(step, folder),
            # Nothing is written there: the step ends when this process does, for any reason.
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
    """Returns the command line of a step."""
    return [*program("compare.compare_one", "main(sys.argv[1:])"), step, str(folder)]


def program(module: str, call: str) -> list[str]:
    """Returns the command line that runs a call of `main` of a module of this package."""
    root = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.count({root!r}) or sys.path.insert(0, {root!r}); "
    code += f"from zoo_cli.{module} import main; sys.exit({call})"
    # -P prevents the import of a user's own zoo.py or training.py.
    return [sys.executable, "-P", "-c", code]


def failure(code: int, last: str) -> str:
    """Returns why a process ended, from its exit status and its last line."""
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
    """Leaves the accelerators' memory to the processes of the models."""
    if not tf.config.list_physical_devices("GPU"):
        return
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise InputError(
            "the accelerator is in use by the calling program; run zoo compare from one that does "
            "not use it."
        ) from error


def _command_line(options: Namespace, out: Path) -> str:
    """Returns the command line that resumes or repeats this comparison."""
    words = ["zoo", "compare", *options.names, "--data", options.data]
    for key in ("recipe", "task", "split", "minutes", "epochs", "batch_size"):
        if getattr(options, key) is not None:
            words += [f"--{key.replace('_', '-')}", f"{getattr(options, key)}"]
    if options.image_size is not None:
        words += ["--image-size", "x".join(map(str, options.image_size))]
    for setting in options.set:
        words += ["--set", setting]
    words += ["--tiny"] * options.tiny + ["--out", str(out)]
    return shlex.join(words)
