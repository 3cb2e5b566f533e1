"""`zoo bench`: latency, throughput, memory and size of models, side by side.

Each model is in a process of its own, and the models take turns, round after round: what slows the
machine down for a while slows all of them down.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from zoo.console import log
from zoo_cli.bench.bench_plan import Bench, make_benches
from zoo_cli.bench.bench_report import report, to_text
from zoo_cli.compare.compare_command import failure
from zoo_cli.compare.compare_machine import available_memory
from zoo_cli.output import print_json

_ROOT = str(Path(__file__).resolve().parents[2])
# -P keeps a file of the user's that is called zoo.py or training.py from being imported.
_PROGRAM = (
    f"import sys; sys.path.count({_ROOT!r}) or sys.path.insert(0, {_ROOT!r}); "
    "from zoo_cli.bench.bench_one import main; sys.exit(main())"
)


def run_bench(options: Namespace) -> int:
    """Measures and prints; returns 1 when nothing could be measured."""
    benches = make_benches(options)
    rows: list[dict[str, Any]] = []
    together: list[Process] = []
    try:
        for number, bench in enumerate(benches, 1):
            log(f"[{number}/{len(benches)}] {bench.name}: making ready")
            process = Process(bench)
            if process.ready():
                together.append(process)
            else:
                rows.append(process.row)
                process.close()
            if _memory_is_short(together):
                rows += _take_turns(together, options)
                together = []
        rows += _take_turns(together, options)
    finally:
        for process in together:
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
    """A model's process.

    Attributes:
        row: what is known of the model so far; `error` says why it is no more.
    """

    def __init__(self, bench: Bench):
        self.row: dict[str, Any] = {"name": bench.name}
        # Open as long as the process lives.
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
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
        found = self._read()
        if found is None:
            return
        times = self.row.setdefault("times", {})
        for part, values in found["times"].items():
            times.setdefault(part, []).extend(values)
        self.row.setdefault("product", []).extend(found["product"])

    def close(self) -> None:
        """Ends the process, if it has not ended."""
        assert self.process.stdin is not None
        if self.process.stdin.closed:
            return
        self._write("end")
        # One that has ended already has said why.
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
        # Reading tells why a process has ended.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def _read(self) -> dict[str, Any] | None:
        """The next answer; None, and the reason in the row, if the process ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.log.seek(0)
        said = [text.strip() for text in self.log.read().splitlines() if text.strip()]
        self.row["error"] = failure(self.process.wait(), said[-1] if said else "")
        return None


def _take_turns(processes: list[Process], options: Namespace) -> list[dict[str, Any]]:
    """Measures models whose processes are ready, and ends them."""
    for number in range(options.rounds if processes else 0):
        names = ", ".join(process.row["name"] for process in processes)
        log(f"round {number + 1}/{options.rounds}: {names}")
        for process in processes:
            process.round(options.seconds)
    for process in processes:
        process.close()
    return [process.row for process in processes]


def _memory_is_short(processes: list[Process]) -> bool:
    """Whether one more model like the largest so far might not fit beside those that wait."""
    left = available_memory()
    if not processes:
        return False
    peaks = [max(v for v in p.row["memory"].values() if v is not None) for p in processes]
    return left is None or left < 1.5 * max(peaks)
