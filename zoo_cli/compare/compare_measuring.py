"""Measurements of a trained model: metrics, latency, FLOPs and exported size."""

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
from export.exported_predictors import Predictor
from training.data.batch_config import serving_resize
from training.data.proposals import with_proposals
from training.data.sources import Source, open_source
from training.evaluation import evaluate_predictor
from training.evaluation.captioning_metrics import caption_text
from training.run import Run, open_run
from training.trainer import log
from zoo.abstract_build import build_abstract
from zoo.files.atomic_writes import replacing
from zoo.flops import count_flops
from zoo_cli.compare.compare_folder import read_result, sample_positions, update_result
from zoo_cli.compare.compare_plan import Plan

_LEAST_PREDICTIONS, _PREDICTING_SECONDS, _MOST_CALLS = 20, 2.0, 100


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")


def evaluated(
    predict: Predictor, folder: Path, plan: Plan, source: Source, labels: Sequence[str]
) -> dict[str, Any]:
    """Returns the task's metrics; writes the predictions for the sample images to `samples.npz`."""
    positions = sample_positions(source.sizes[plan.split])
    samples: dict[str, np.ndarray] = {}
    count = 0

    def predict_and_record(image: np.ndarray) -> dict[str, Any]:
        nonlocal count
        predictions = predict(image)
        if count in positions:
            prefix = f"{positions.index(count)}_"
            for key, value in predictions.items():
                samples[prefix + key] = _with_sentences(key, value, labels)
        count += 1
        return predictions

    metrics = evaluate_predictor(plan.task, predict_and_record, source, plan.split, labels)
    with replacing(folder / "samples.npz") as temporary:
        np.savez_compressed(temporary, **samples)  # type: ignore[arg-type]
    return metrics


def _with_sentences(key: str, value: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Returns captions as strings, since vocabularies differ; other predictions unchanged."""
    return np.array([caption_text(row, labels) for row in value]) if key == "captions" else value


def flops_on(model: zoo.Model, image_size: tuple[int, int]) -> int | None:
    """Returns the FLOPs for one image of `image_size` (H, W); None where a size is unknown."""
    if model.sizes is not None:
        image_size = (model.sizes.covering(image_size[0]), model.sizes.covering(image_size[1]))
    arguments = {**model.arguments, "input_shape": (*image_size, model.channels)}
    try:
        return count_flops(build_abstract(lambda: zoo.build(str(model.architecture), **arguments)))
    except ValueError as error:
        log(f"FLOPs are unknown: {error}")
        return None


def measure(folder: Path, plan: Plan) -> None:
    """Times predictions for one image, and exports the model once."""
    run = open_run(folder / "run")
    source = with_proposals(open_source(plan.data), run.proposer, run.recipe.max_proposals)
    model = run.model()
    _, sample = next(source.samples(plan.split))
    predict = run.predictor(model)
    for _ in range(3):
        predict(sample["image"])
    times = timed(lambda: predict(sample["image"]), _PREDICTING_SECONDS, _LEAST_PREDICTIONS)
    update_result(
        folder,
        milliseconds=round(statistics.median(times), 3),
        predictions_timed=len(times),
        image_size=list(sample["image"].shape[:2]),
    )
    if read_result(folder).get("exported_bytes") is None:
        update_result(folder, **_exported(folder, run, model))


def timed(call: Callable[[], Any], seconds: float, least: int = 1) -> list[float]:
    """Returns the milliseconds of `least` calls, and of more that start before `seconds`."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or (
        len(times) < _MOST_CALLS and time.perf_counter() - began < seconds
    ):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return times


def _exported(folder: Path, run: Run, model: zoo.Model) -> dict[str, Any]:
    """Returns the size of the LiteRT file; where it fails, the reason and the Keras file's."""
    path = folder / "model.tflite"
    resize = serving_resize(run.recipe.batch.resize)
    reason = ""
    try:
        export.litert(
            model, path, labels=run.labels, image_size=run.recipe.batch.image_size, resize=resize
        )
    # Converters raise many kinds of errors; a model without a LiteRT file still has a size.
    except Exception as error:
        traceback.print_exc()
        reason = first_line(error)
        path = run.folder / "model.keras"
    return {
        "exported_as": path.suffix.removeprefix("."),
        "exported_bytes": path.stat().st_size,
        "export_note": reason,
    }
