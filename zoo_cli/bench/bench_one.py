"""The process of one model of `zoo bench`.

The plan is the first line on standard input. The reply, when the model is ready, is a line of JSON;
the reply to each further line `round SECONDS` is the times of one round, until `end`.
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
from zoo.precision import PrecisionScope
from zoo_cli.bench.bench_parts import Call, Parts, keras_bytes, matrix_product
from zoo_cli.bench.bench_plan import Bench
from zoo_cli.compare.compare_machine import machine, peak_accelerator_memory, peak_memory
from zoo_cli.compare.compare_measuring import first_line, flops_on, timed


def main() -> int:
    """Measures the model of the plan; returns the exit status."""
    # Converters write to standard output, which is for the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bench = Bench.from_json(sys.stdin.readline())
    for gpu in tf.config.list_physical_devices("GPU"):
        # Other models' processes use it too.
        tf.config.experimental.set_memory_growth(gpu, True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            calls, properties, product = _prepared(bench, Path(folder))
        except InputError as error:
            _reply(replies, error=str(error))
            return 1
        except Exception as error:
            traceback.print_exc()
            _reply(replies, error=f"{type(error).__name__}: {first_line(error)}")
            return 1
        _reply(replies, **properties)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            seconds = float(line.split()[1])
            times = {part: timed(call, seconds) for part, call in calls.items()}
            _reply(replies, times=times, product=timed(product, 0.0, least=2))
    return 0


def _prepared(bench: Bench, folder: Path) -> tuple[dict[str, Call], dict[str, Any], Call]:
    """Returns the parts that could be prepared, the model's properties and the matrix product."""
    before = peak_memory()
    model = _model(bench)
    parts = Parts(bench, model, folder)
    flops = flops_on(model, bench.image_size)
    # The second stage is a part of predictions and training, not of the raw outputs.
    second_stage = getattr(model, "second_stage_macs", None)
    properties: dict[str, Any] = {
        "name": bench.name,
        "architecture": bench.architecture,
        "task": model.task_name,
        "image_size": list(bench.image_size),
        "batch_size": bench.batch_size,
        "precision": bench.recipe.precision,
        "xla": parts.jit,
        "parameters": sum(math.prod(variable.shape) for variable in model.weights),
        "flops": flops,
        "forward_flops": flops and flops - 2 * (second_stage() if second_stage else 0),
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
            prepared = time.perf_counter()
            call()
        # One part that fails, in whatever way, does not prevent the others.
        except Exception as error:
            traceback.print_exc()
            properties["errors"][part] = first_line(error)
            continue
        properties["compile_seconds"][part] = {
            "prepare": round(prepared - began, 3),
            "first_call": round(time.perf_counter() - prepared, 3),
        }
        calls[part] = call
        properties["memory"][part] = peak_memory()
        properties["accelerator_memory"][part] = peak_accelerator_memory()
    product, flops = matrix_product(bench.recipe.precision)
    product()
    return (
        calls,
        {
            **properties,
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


def _reply(replies: TextIO, **values: Any) -> None:
    replies.write(json.dumps(values) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main())
