"""`zoo bench`: latency, throughput, memory and size of models, side by side.

Each model has its own process, and the models take turns, round after round, so that a temporary
slowdown of the machine affects all of them.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from argparse import Namespace
from typing import Any

from zoo.console import log
from zoo_cli.bench.bench_plan import Bench, make_benches
from zoo_cli.bench.bench_report import report, to_text
from zoo_cli.compare.compare_command import failure, program
from zoo_cli.compare.compare_machine import available_memory
from zoo_cli.output import print_json


def run_bench(options: Namespace) -> int:
    """Measures models and prints the results; returns 1 when nothing could be measured."""
    benches = make_benches(options)
    rows: list[dict[str, Any]] = []
    ready: list[Process] = []
    try:
        for number, bench in enumerate(benches, 1):
            log(f"[{number}/{len(benches)}] {bench.name}: preparing")
            process = Process(bench)
            if process.ready():
                ready.append(process)
            else:
                rows.append(process.row)
                process.close()
            if _memory_is_short(ready):
                rows += _take_turns(ready, options)
                ready = []
        rows += _take_turns(ready, options)
    finally:
        for process in ready:
            process.close()
    order = [bench.name for bench in benches]
    rows.sort(key=lambda row: order.index(row["name"]))
    result = report(rows)
    if options.json:
        print_json(result)
    else:
        print(to_text(result))
    return 0 if any(row.get("times") for row in rows) else 1


class Process:
    """The process of a model; `row` holds its results so far, or the reason of its `error`."""

    def __init__(self, bench: Bench):
        self.row: dict[str, Any] = {"name": bench.name}
        # Open until the process has ended.
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            program("bench.bench_one", "main()"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self._write(bench.to_json())

    def ready(self) -> bool:
        """Waits until the model is ready; returns whether it is."""
        self.row.update(self._read() or {})
        return "error" not in self.row

    def round(self, seconds: float) -> None:
        """Adds the times of one round to the row."""
        if "error" in self.row:
            return
        self._write(f"round {seconds}")
        reply = self._read()
        if reply is None:
            return
        times = self.row.setdefault("times", {})
        for part, values in reply["times"].items():
            times.setdefault(part, []).extend(values)
        self.row.setdefault("product", []).extend(reply["product"])

    def close(self) -> None:
        """Ends the process if it has not ended."""
        assert self.process.stdin is not None
        if self.process.stdin.closed:
            return
        self._write("end")
        # The reason of one that has ended is in its row.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        # The next read reports why a process has ended.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def _read(self) -> dict[str, Any] | None:
        """Returns the next reply; None where the process has ended, with the reason in the row."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.log.seek(0)
        lines = [line.strip() for line in self.log.read().splitlines() if line.strip()]
        self.row["error"] = failure(self.process.wait(), lines[-1] if lines else "")
        return None


def _take_turns(processes: list[Process], options: Namespace) -> list[dict[str, Any]]:
    """Measures the models of these processes and ends them; returns their rows."""
    for number in range(options.rounds if processes else 0):
        names = ", ".join(process.row["name"] for process in processes)
        log(f"round {number + 1}/{options.rounds}: {names}")
        for process in processes:
            process.round(options.seconds)
    for process in processes:
        process.close()
    return [process.row for process in processes]


def _memory_is_short(processes: list[Process]) -> bool:
    """Whether one more model like the largest so far might not fit into memory."""
    available = available_memory()
    if not processes:
        return False
    peaks = [max(v for v in p.row["memory"].values() if v is not None) for p in processes]
    return available is None or available < 1.5 * max(peaks)
