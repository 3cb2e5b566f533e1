"""Results of `zoo bench`, as plain values and as tables."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from zoo_cli.output import short, table

TIMES = ("model", "part", "batch", "ms", "p95", "images/s", "first_s", "of_peak")
SIZES = (
    *("model", "input", "parameters", "FLOPs", "memory", "training_memory"),
    *(".keras", "SavedModel", "LiteRT"),
)
BATCHED = ("forward_batch", "train_step")
_RAW = {
    *("times", "product", "product_flops", "machine"),
    *("compile_seconds", "memory", "accelerator_memory"),
}
# The backward pass costs about two forward passes: for activations and for weights.
_PASSES = {"train_step": 3}


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns all results as plain values: times, memory in bytes and speed per model and part.

    `fraction_of_peak` is FLOPs per second over those of the fastest matrix product on the machine
    in the same dtype; a training step counts as three forward passes.
    """
    machines = [row["machine"] for row in rows if "machine" in row]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machines[0] if machines else None,
        "peak_flops": {key: max(values) for key, values in _peaks(rows).items()},
        "models": [_model(row, _peaks(rows)) for row in rows],
    }


def _peaks(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Returns FLOPs per second of every matrix product, by precision."""
    peaks: dict[str, list[float]] = {}
    for row in rows:
        for ms in row.get("product", ()):
            peaks.setdefault(row["precision"], []).append(1000 * row["product_flops"] / ms)
    return peaks


def _model(row: dict[str, Any], peaks: dict[str, list[float]]) -> dict[str, Any]:
    if "error" in row and not row.get("times"):
        return {"name": row["name"], "error": row["error"]}
    result = {key: value for key, value in row.items() if key not in _RAW}
    result["start_memory"] = row["memory"]["start"]
    peak = max(peaks.get(row["precision"], [0.0]))
    result["parts"] = {part: _part(row, part, times, peak) for part, times in row["times"].items()}
    return result


def _part(row: dict[str, Any], part: str, times: list[float], peak: float) -> dict[str, Any]:
    batch = row["batch_size"] if part in BATCHED else 1
    median = statistics.median(times)
    flops = row["forward_flops" if part.startswith("forward") else "flops"]
    work = None if flops is None else _PASSES.get(part, 1) * flops * batch
    seconds = row["compile_seconds"][part]
    return {
        "batch_size": batch,
        "median_ms": round(median, 3),
        "p95_ms": round(float(np.percentile(times, 95)), 3),
        "calls": len(times),
        "images_per_second": round(1000 * batch / median, 3),
        "prepare_seconds": seconds["prepare"],
        "first_call_seconds": seconds["first_call"],
        "peak_memory": row["memory"][part],
        "peak_accelerator_memory": row["accelerator_memory"][part],
        "fraction_of_peak": round(1000 * work / median / peak, 4) if work and peak else None,
    }


def to_text(result: dict[str, Any]) -> str:
    """Returns the results as tables for a terminal."""
    lines = [_machine(result)]
    models = [model for model in result["models"] if "parts" in model]
    if models:
        times = [_times(model, part) for model in models for part in model["parts"]]
        lines.append(table(times, TIMES, right=" ".join(TIMES[2:])))
        sizes = [_sizes(model) for model in models]
        lines.append(table(sizes, SIZES, right=" ".join(SIZES[1:])))
    notes = [f"{m['name']}: failed: {m['error']}" for m in result["models"] if m.get("error")]
    for model in models:
        notes += [f"{model['name']}: no {part}: {why}" for part, why in model["errors"].items()]
    return "\n\n".join([*lines, *(["\n".join(notes)] if notes else [])])


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    if machine is None:
        return "nothing was measured."
    words = f"{machine['processor']}, {machine['cores']} cores"
    words += f"; {', '.join(machine['accelerators']) or 'no accelerator'}"
    words += f"; Keras {machine['keras']} on {machine['backend']}"
    products = [f"{short(v)}FLOP/s in {key}" for key, v in result["peak_flops"].items()]
    peak = f"matrix product {', '.join(products)}; " if products else ""
    return f"{words}; {peak}{result['date']}"


def _times(model: dict[str, Any], part: str) -> tuple[Any, ...]:
    result = model["parts"][part]
    fraction = result["fraction_of_peak"]
    return (
        model["name"],
        part,
        result["batch_size"],
        f"{result['median_ms']:.1f}",
        f"{result['p95_ms']:.1f}",
        f"{result['images_per_second']:.2f}",
        f"{result['first_call_seconds']:.1f}",
        "—" if fraction is None else f"{100 * fraction:.0f} %",
    )


def _sizes(model: dict[str, Any]) -> tuple[Any, ...]:
    def of(part: str) -> float | None:
        result = model["parts"].get(part, {})
        return result.get("peak_accelerator_memory") or result.get("peak_memory")

    files = (model[f"{kind}_bytes"] for kind in ("keras", "saved_model", "litert"))
    sizes = (of("forward"), of("train_step"), *files)
    return (
        model["name"],
        "×".join(map(str, model["image_size"])),
        short(model["parameters"]),
        "—" if model["flops"] is None else short(model["flops"]),
        *("—" if size is None else f"{short(size)}B" for size in sizes),
    )
