"""What is measured of a trained model: its answers, its time, its FLOPs, its exported file."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import export
import zoo
from training.data.proposals import with_proposals
from training.data.sources import Source, open_source
from training.evaluation import evaluate
from training.evaluation.captioning_metrics import as_sentence
from training.run import Run, open_run, serving_resize
from training.trainer import log
from zoo.abstract_build import build_abstract
from zoo.files.atomic_writes import replacing
from zoo.flops import count_flops
from zoo_cli.compare.compare_folder import read_result, sample_positions, update_result
from zoo_cli.compare.compare_plan import Plan

_LEAST_PREDICTIONS, _MOST_PREDICTIONS, _PREDICTING_SECONDS = 20, 100, 2.0


def first_line(error: Exception) -> str:
    """What an error says, without what follows."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")


def evaluated(
    predict: Callable[[np.ndarray], dict[str, Any]],
    folder: Path,
    plan: Plan,
    source: Source,
    labels: Sequence[str],
) -> dict[str, Any]:
    """The task's metrics; keeps the answers for the sample images on the way, in words."""
    wanted = sample_positions(source.sizes[plan.split])
    kept: dict[str, np.ndarray] = {}
    count = 0

    def keeping(image: np.ndarray) -> dict[str, Any]:
        nonlocal count
        found = predict(image)
        if count in wanted:
            told = {key: _in_words(key, value, labels) for key, value in found.items()}
            kept.update({f"{wanted.index(count)}_{key}": value for key, value in told.items()})
        count += 1
        return found

    metrics = evaluate(plan.task, keeping, source, plan.split, labels)
    with replacing(folder / "samples.npz") as temporary:
        np.savez_compressed(temporary, **kept)  # type: ignore[arg-type]
    return metrics


def _in_words(key: str, value: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Captions as strings, since every model has words of its own; other answers as they are."""
    return np.array([as_sentence(row, labels) for row in value]) if key == "captions" else value


def flops_on(model: zoo.Model, image_size: tuple[int, int]) -> int | None:
    """FLOPs of one image on the canvas; None where a size within the model is not known."""
    if model.sizes is not None:
        image_size = (model.sizes.covering(image_size[0]), model.sizes.covering(image_size[1]))
    arguments = {**model.arguments, "input_shape": (*image_size, model.channels)}
    try:
        return count_flops(build_abstract(lambda: zoo.build(str(model.architecture), **arguments)))
    except ValueError as error:
        log(f"FLOPs are not known: {error}")
        return None


def measure(folder: Path, plan: Plan) -> None:
    """Times answers, one image at a time, and exports once."""
    run = open_run(folder / "run")
    source = with_proposals(open_source(plan.data), run.proposer, run.recipe.max_proposals)
    model = run.model()
    _, sample = next(source.samples(plan.split))
    times = _milliseconds(run.predictor(model), sample["image"])
    update_result(
        folder,
        milliseconds=round(statistics.median(times), 3),
        predictions_timed=len(times),
        image_size=list(sample["image"].shape[:2]),
    )
    if read_result(folder).get("exported_bytes") is None:
        update_result(folder, **_exported(folder, run, model))


def _milliseconds(
    predict: Callable[[np.ndarray], dict[str, Any]], image: np.ndarray
) -> list[float]:
    for _ in range(3):
        predict(image)
    times: list[float] = []
    while len(times) < _LEAST_PREDICTIONS or (
        len(times) < _MOST_PREDICTIONS and sum(times) < 1000 * _PREDICTING_SECONDS
    ):
        began = time.perf_counter()
        predict(image)
        times.append(1000 * (time.perf_counter() - began))
    return times


def _exported(folder: Path, run: Run, model: zoo.Model) -> dict[str, Any]:
    """Size of the LiteRT file; of the Keras file, and why, where there can be none."""
    path = folder / "model.tflite"
    kind = serving_resize(run.recipe.resize)
    size = None if kind == "native" else run.recipe.image_size
    reason = ""
    try:
        export.export_litert(export.ExportSpec.of(model, run.labels, size, kind), path)
    # A converter fails in ways of its own; a model without a LiteRT file still has a size.
    except Exception as error:
        traceback.print_exc()
        reason = first_line(error)
        path = run.folder / "model.keras"
    return {
        "exported_as": path.suffix.removeprefix("."),
        "exported_bytes": path.stat().st_size,
        "export_note": reason,
    }
