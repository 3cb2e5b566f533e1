"""One model of `zoo bench`, in a process of its own.

The plan comes as the first line on standard input. When the model is ready, a line of JSON says so;
each further line `round SECONDS` is answered with the times of one round, until `end`.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import tensorflow as tf

import zoo
from training.trainer import log
from zoo.errors import InputError
from zoo.registry import PrecisionScope
from zoo_cli.bench.bench_parts import Call, Parts, keras_bytes, matrix_product
from zoo_cli.bench.bench_plan import Bench
from zoo_cli.compare.compare_machine import machine, peak_accelerator_memory, peak_memory
from zoo_cli.compare.compare_measuring import first_line, flops_on

_MOST_CALLS = 100


def main() -> int:
    """Carries out the plan; returns the exit status."""
    # Converters write to standard output, which belongs to the answers.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bench = Bench.from_json(sys.stdin.readline())
    for gpu in tf.config.list_physical_devices("GPU"):
        # Other models' processes are on it too.
        tf.config.experimental.set_memory_growth(gpu, True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            calls, figures, product = _ready(bench, Path(folder))
        except InputError as error:
            _reply(replies, error=str(error))
            return 1
        except Exception as error:
            traceback.print_exc()
            _reply(replies, error=f"{type(error).__name__}: {first_line(error)}")
            return 1
        _reply(replies, **figures)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            seconds = float(line.split()[1])
            times = {part: timed(call, seconds) for part, call in calls.items()}
            _reply(replies, times=times, product=timed(product, 0.0, least=2))
    return 0


def _ready(bench: Bench, folder: Path) -> tuple[dict[str, Call], dict[str, Any], Call]:
    """The parts that could be made ready, what is known of the model, and the matrix product."""
    before = peak_memory()
    model = _model(bench)
    parts = Parts(bench, model, folder)
    flops = flops_on(model, bench.image_size)
    # What follows proposals is a part of answers and of training, not of the raw outputs.
    later = getattr(model, "second_stage_macs", None)
    figures: dict[str, Any] = {
        "name": bench.name,
        "architecture": bench.architecture,
        "task": model.task_name,
        "image_size": list(bench.image_size),
        "batch_size": bench.batch_size,
        "precision": bench.recipe.precision,
        "xla": parts.jit,
        "parameters": sum(math.prod(variable.shape) for variable in model.weights),
        "flops": flops,
        "forward_flops": flops and flops - 2 * (later() if later else 0),
        "keras_bytes": keras_bytes(model),
        "memory": {"start": before},
        "accelerator_memory": {},
        "compile_seconds": {},
        "errors": {},
    }
    calls: dict[str, Call] = {}
    for part in bench.parts:
        log(f"{bench.name}: {part}")
        began = time.perf_counter()
        try:
            call = parts.prepare(part)
            made = time.perf_counter()
            call()
        # What fails in one part, in ways of its own, is no reason not to measure the others.
        except Exception as error:
            traceback.print_exc()
            figures["errors"][part] = first_line(error)
            continue
        figures["compile_seconds"][part] = {
            "prepare": round(made - began, 3),
            "first_call": round(time.perf_counter() - made, 3),
        }
        calls[part] = call
        figures["memory"][part] = peak_memory()
        figures["accelerator_memory"][part] = peak_accelerator_memory()
    product, flops = matrix_product(bench.recipe.precision)
    product()
    return (
        calls,
        {
            **figures,
            "saved_model_bytes": parts.sizes.get("saved_model"),
            "litert_bytes": parts.sizes.get("litert"),
            "product_flops": flops,
            "machine": machine(),
        },
        product,
    )


def _model(bench: Bench) -> zoo.Model:
    if bench.path:
        return zoo.load(bench.path)
    with PrecisionScope(bench.recipe.precision):
        return zoo.build(bench.architecture, **bench.arguments)


def timed(call: Call, seconds: float, least: int = 1) -> list[float]:
    """Milliseconds of each call, for about so many seconds."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or (
        len(times) < _MOST_CALLS and time.perf_counter() - began < seconds
    ):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return times


def _reply(replies: TextIO, **values: Any) -> None:
    replies.write(json.dumps(values) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main())
