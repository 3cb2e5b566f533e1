"""`zoo export`: exported files, and a report on their parity with the model."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import export
from training.evaluation import evaluate_predictor
from training.evaluation.captioning_metrics import caption_text
from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json
from zoo_cli.compare.compare_tasks import headline
from zoo_cli.loaded_model import LoadedModel, open_with_options, with_model_channels
from zoo_cli.output import print_json, short, table


def run_export(options: Namespace) -> None:
    """Exports a model and compares the files with it; writes `parity.json` beside the files."""
    loaded = open_with_options(options)
    out = Path(options.out or (loaded.path if loaded.run else loaded.path.parent) / "export")
    spec = export.ExportSpec.from_model(
        loaded.model, loaded.labels, loaded.image_size, loaded.resize, loaded.inference
    )
    data = options.data or (loaded.run.data if loaded.run else None)
    if data is None and options.quantize == "int8":
        raise InputError(
            "int8 needs images to calibrate the range of values; name a data set with --data."
        )
    files = _export_files(loaded, spec, out, data, options)
    report: dict[str, Any] = {
        "model": str(loaded.path),
        "image_size": loaded.image_size,
        "inference": loaded.inference.to_dict(),
        "files": {name: str(path) for name, (path, _) in files.items()},
        "parity": None,
    }
    if data is not None:
        report["parity"] = _parity(loaded, files, options)
        write_json(out / "parity.json", report)
    if options.json:
        print_json(report)
        return
    for path, _ in files.values():
        print(path)
    if report["parity"]:
        _print_parity(report["parity"])
    else:
        log("no parity report without a data set; name one with --data.")


def _export_files(
    loaded: LoadedModel, spec: export.ExportSpec, out: Path, data: str | None, options: Namespace
) -> dict[str, tuple[Path, Any]]:
    """Writes the files; returns path and predictor of each by its name in the report."""
    files: dict[str, tuple[Path, Any]] = {}
    if "saved_model" in options.format:
        path = export.saved_model(spec, out / "saved_model")
        files["saved_model"] = (path, loaded.proposing(export.saved_model_predictor(path)))
    if "litert" in options.format:
        ending = "" if options.quantize == "none" else f".{options.quantize}"
        images: list[Any] = []
        if options.quantize == "int8":
            images = _calibration_images(loaded, data, "train", options.images)
        path = out / f"model{ending}.tflite"
        export.litert(spec, path, options.quantize, images, options.thresholds)
        files[f"litert{ending}"] = (path, loaded.proposing(export.litert_predictor(path)))
    if "onnx" in options.format:
        path = export.onnx(spec, out / "model.onnx")
        files["onnx"] = (path, loaded.proposing(export.onnx_predictor(path)))
    return files


def _calibration_images(loaded: LoadedModel, data: str | None, split: str, count: int) -> list[Any]:
    """Returns images with the model's channels, in pairs with proposals where it takes them."""
    source = loaded.source(data)
    split = split if split in source.sizes else source.validation_split()
    channels = loaded.model.channels
    samples = (sample for _, sample in islice(source.samples(split), count))
    if not loaded.model.takes_proposals:
        return [with_model_channels(sample["image"], channels) for sample in samples]
    return [(with_model_channels(s["image"], channels), s["proposals"]) for s in samples]


def _parity(loaded: LoadedModel, files: dict[str, tuple[Path, Any]], options: Namespace):
    source = loaded.source(options.data)
    split = source.check_split(options.split or source.validation_split())
    samples = list(islice(source.samples(split), options.images))
    channels = loaded.model.channels
    task = loaded.model.task_name

    def measure(predict):
        inputs = (
            (name, {**sample, "image": with_model_channels(sample["image"], channels)})
            for name, sample in samples
        )
        return evaluate_predictor(task, predict, source, split, loaded.labels, inputs)

    images = [with_model_channels(sample["image"], channels) for _, sample in samples]
    files = {
        name: (path, _with_sentences(predict, loaded)) for name, (path, predict) in files.items()
    }
    reference = _with_sentences(loaded.predictor(), loaded)
    report = export.parity_report(reference, files, images, measure)
    return {"data": source.spec, "split": split, "metric": headline(task).key, **report}


def _with_sentences(predict, loaded: LoadedModel):
    """Returns the predictor with captions as strings; some files return token ids."""

    def predict_sentences(image: np.ndarray) -> dict[str, Any]:
        predictions = predict(image)
        if "captions" not in predictions:
            return predictions
        sentences = [caption_text(caption, loaded.labels) for caption in predictions["captions"]]
        return {**predictions, "captions": np.array(sentences)}

    return predict_sentences


def _print_parity(parity: dict[str, Any]) -> None:
    print(f"\non {parity['images']} images of {parity['data']}, {parity['split']}:")
    metric = parity["metric"]
    rows = []
    for name, row in parity.items():
        if not isinstance(row, dict):
            continue
        different = row.get("fraction_different", {})
        rows.append(
            (
                name,
                short(row["bytes"]) + "B" if "bytes" in row else "",
                f"{row['milliseconds']:.1f}",
                ", ".join(f"{100 * part:.3f} % of {key}" for key, part in different.items()),
                "—" if row["metrics"][metric] is None else f"{row['metrics'][metric]:.4f}",
            )
        )
    headings = ("file", "size", "ms", "differs in", metric)
    print(table(rows, headings, right=f"size ms {metric}"))
