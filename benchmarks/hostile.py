"""Damaged inputs for every reader of labels: no traceback, no hang, nothing lost unreported.

`python benchmarks/hostile.py [--count 12000] [--only FORMAT] [--seed N] [--keep DIR]`

Each input is a small data set with one damaged file, made from a seed alone. It is opened and
checked as by `zoo data`, every other one by its labels only. The outcome is one of

* `clean`: read without a defect, and as many entries as the files state;
* `reported`: defects or new notes;
* `refused`: an InputError in one line;
* `lost`: fewer objects than the undamaged data set, though its files state as many, and no report;
* `traceback`, `hang` (10 s of computing or 30 s of waiting), `crash` (the process ended).

Every input of the last three kinds and of `lost` is printed with the command that repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hostile_inputs.label_folders import WRITERS, stated_entries
from hostile_inputs.mutators import damage

SECONDS = 10
BAD = ("lost", "traceback", "hang", "crash")


class _Timeout(Exception):
    """The input took more than `SECONDS`."""


def _alarm(*_: Any) -> None:
    raise _Timeout


def read(folder: Path, spec: str, labels_only: bool) -> dict[str, Any]:
    """Opens and checks a data set; returns what was found, as plain values."""
    from training.data.checking import check
    from training.data.sources import open_source
    from zoo.errors import InputError

    os.chdir(folder)
    try:
        source = open_source(spec)
        report = check(source, list(source.sizes), labels_only)
    except InputError as error:
        text = str(error)
        text.encode()
        if "\n" in text or not text.strip():
            raise ValueError(f"not one line: {text!r}") from error
        return {"refused": text}
    found = report.to_json()
    json.dumps(found).encode()
    texts = [defect["text"] for defect in found["defects"]]
    for text in [*texts, *found["notes"]]:
        text.encode()
        if "\n" in text:
            raise ValueError(f"not one line: {text!r}")
    return {"notes": found["notes"], "defects": texts, "count": _count(found["splits"])}


def _count(splits: dict[str, Any]) -> int:
    """Returns the number of images read plus that of the objects that label files list."""
    total = 0
    for split in splits.values():
        total += split["read"]
        # Pixels may have any value: objects of a map are what the map holds.
        if "objects" in split and "pixels" not in split:
            total += split["objects"]["count"] - split["objects"].get("unusable", 0)
    return total


def classify(found: dict[str, Any], base: dict[str, Any], stated: int) -> str:
    """Returns the outcome for an input that was read or refused."""
    if "refused" in found:
        return "refused"
    if found["defects"] or found["notes"] != base["notes"]:
        return "reported"
    missing = base["count"] - found["count"]
    return "lost" if missing > max(0, base["stated"] - stated) else "clean"


def _run_without_graphs() -> None:
    """Computes records and samples one operation at a time.

    To compile the graphs of a data set of six images takes ten times as long as to run them.
    """
    import tensorflow as tf

    from training.data.checking import sample_loading
    from training.data.sources.file_source import FileSource

    in_graph = FileSource.raw

    def raw(source: FileSource, split: str, seed: Any = None) -> Any:
        if "joint.toml" in os.listdir("."):  # its data sets are combined in a graph
            return in_graph(source, split, seed)
        row = source.rows(split)
        return Records(row(tf.constant(index)) for index in range(source.sizes[split]))

    def decode(decoder: Any, record: Any) -> Any:
        try:
            return decoder.source.decode(record)
        except (OSError, ValueError) as error:  # as a graph reports the errors of its functions
            raise tf.errors.UnknownError(None, None, f"{type(error).__name__}: {error}") from error

    tf.config.run_functions_eagerly(True)
    tf.data.experimental.enable_debug_mode()
    FileSource.raw = raw  # type: ignore[method-assign, assignment]
    sample_loading._Decoder.__call__ = decode  # type: ignore[method-assign]


class Records(list):
    """Records in place of a tf.data data set."""

    element_spec = None


def work(connection: Connection, threads: int) -> None:
    """Reads the inputs that a pipe sends; the parent replaces a process that hangs."""
    warnings.simplefilter("ignore")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    _run_without_graphs()
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    while True:
        folder, spec, labels_only, first = connection.recv()
        # The first data set of each format also imports its reader.
        signal.setitimer(signal.ITIMER_PROF, 12 * SECONDS if first else SECONDS)
        signal.alarm(12 * SECONDS if first else 3 * SECONDS)
        start = time.perf_counter()
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                found = read(Path(folder), spec, labels_only)
        except _Timeout:
            found = {"hang": True}
        except BaseException:
            found = {"traceback": traceback.format_exc()}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        os.chdir("/")
        connection.send({**found, "seconds": time.perf_counter() - start})


class Worker:
    """A process that reads inputs, started again when it hangs or ends."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, 1), daemon=True)
        self.process.start()
        other.close()

    def read(self, folder: Path, spec: str, labels_only: bool, first: bool = False) -> dict:
        """Returns what `read` found, or `{"hang": …}`, `{"crash": …}`."""
        self.pipe.send((str(folder), spec, labels_only, first))
        try:
            if self.pipe.poll(15 * SECONDS if first else 4 * SECONDS):
                return self.pipe.recv()
            found = {"hang": True, "seconds": 4 * SECONDS}
        except (EOFError, ConnectionError):
            found = {"crash": True, "seconds": 0.0}
        self.process.kill()
        self.process.join()
        self._start()
        return found


@dataclasses.dataclass
class Inputs:
    """Reads damaged copies of data sets, the layouts in turn, in one process of its own."""

    names: list[str]
    keep: Path | None
    verbose: bool = False

    def read(self, seeds: range) -> list[tuple[str, str, float]]:
        """Returns layout, outcome and seconds for each seed; prints every bad outcome."""
        worker, found = Worker(), []
        with tempfile.TemporaryDirectory() as scratch:
            bases = {name: self._base(worker, Path(scratch, "bases", name)) for name in self.names}
            for seed in seeds:
                name = self.names[seed % len(self.names)]
                folder = Path(scratch, "input")
                shutil.copytree(Path(scratch, "bases", name), folder, copy_function=os.link)
                found.append((name, *self._one(worker, name, bases[name], folder, seed)))
                shutil.rmtree(folder)
        worker.process.kill()
        return found

    def _base(self, worker: Worker, root: Path) -> dict[str, Any]:
        """Writes an undamaged data set and returns what is read from it."""
        spec, writer = WRITERS[root.name]
        root.mkdir(parents=True)
        writer(root)
        base = worker.read(root, spec, False, first=True)
        if "count" not in base or base["defects"]:
            raise SystemExit(f"{root.name}: the undamaged data set: {base}")
        return {**base, "stated": stated_entries(root)}

    def _one(
        self, worker: Worker, name: str, base: dict[str, Any], folder: Path, seed: int
    ) -> tuple[str, float]:
        done = damage(folder, seed)
        found = worker.read(folder, WRITERS[name][0], seed % 2 == 0)
        kind = next((kind for kind in BAD if kind in found), None)
        kind = kind or classify(found, base, stated_entries(folder))
        if kind in BAD:
            print(f"{kind}: {done}: --only '{name}' --seed {seed} --keep DIR", flush=True)
            print(found.get("traceback", ""), end="", flush=True)
        elif self.verbose:
            print(kind, done, json.dumps(found, indent=1), flush=True)
        if self.keep and (kind in BAD or self.verbose):
            # A pipe cannot be copied.
            with contextlib.suppress(shutil.Error):
                shutil.copytree(folder, self.keep / str(seed), symlinks=True, dirs_exist_ok=True)
        return kind, found["seconds"]


def run(inputs: Inputs, seeds: range, workers: int) -> int:
    """Reads one input per seed and prints the counts; returns 1 after a bad outcome."""
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(inputs.read, (seeds[index::workers] for index in range(workers)))
        found = [row for part in parts for row in part]
    kinds = ("clean", "reported", "refused", *BAD)
    print("| format | inputs | " + " | ".join(kinds) + " |")
    print("|---|" + "---:|" * (1 + len(kinds)))
    for name in (*inputs.names, "all"):
        counts = Counter(kind for layout, kind, _ in found if name in (layout, "all"))
        row = [counts.total(), *(counts[kind] for kind in kinds)]
        print(f"| {name} | " + " | ".join(map(str, row)) + " |")
    print(f"longest: {max(seconds for *_, seconds in found):.2f} s")
    return 1 if any(kind in BAD for _, kind, _ in found) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", choices=WRITERS, action="append", help="formats; all by default")
    parser.add_argument("--seed", type=int, help="repeats one input")
    parser.add_argument("--keep", type=Path, help="folder for the inputs with a bad outcome")
    parser.add_argument("--workers", type=int, default=2, help="processes that read")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    inputs = Inputs(options.only or list(WRITERS), options.keep, options.seed is not None)
    return run(inputs, seeds, min(options.workers, len(seeds)))


if __name__ == "__main__":
    sys.exit(main())
