"""`zoo export`: the files, and a report on what exporting changed."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import export
from training.evaluation import evaluate
from training.evaluation.captioning_metrics import as_sentence
from zoo.console import log
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json
from zoo_cli.compare.compare_tasks import headline
from zoo_cli.loaded_model import LoadedModel, as_model_sees, open_with_options
from zoo_cli.output import print_json, short, table


def run_export(options: Namespace) -> None:
    """Exports and compares; the report is `parity.json` beside the files."""
    loaded = open_with_options(options)
    out = Path(options.out or (loaded.path if loaded.run else loaded.path.parent) / "export")
    spec = export.ExportSpec.of(
        loaded.model, loaded.labels, loaded.image_size, loaded.resize, loaded.inference
    )
    data = options.data or (loaded.run.data if loaded.run else None)
    if data is None and options.quantize == "int8":
        raise InputError("int8 needs images to find the range of values; name a data set: --data")
    files: dict[str, tuple[Path, Any]] = {}
    if "saved_model" in options.format:
        path = export.export_saved_model(spec, out / "saved_model")
        files["saved_model"] = (path, loaded.proposing(export.saved_model_predictor(path)))
    if "litert" in options.format:
        ending = "" if options.quantize == "none" else f".{options.quantize}"
        calibration: list[Any] = []
        if options.quantize == "int8":
            calibration = _images(loaded, data, "train", options.images)
        path = out / f"model{ending}.tflite"
        export.export_litert(spec, path, options.quantize, calibration, options.thresholds)
        files[f"litert{ending}"] = (path, loaded.proposing(export.litert_predictor(path)))
    if "onnx" in options.format:
        path = export.export_onnx(spec, out / "model.onnx")
        files["onnx"] = (path, loaded.proposing(export.onnx_predictor(path)))
    report: dict[str, Any] = {
        "model": str(loaded.path),
        "image_size": loaded.image_size,
        "inference": loaded.inference.to_dict(),
    }
    report["files"] = {name: str(path) for name, (path, _) in files.items()}
    report["parity"] = None
    if data is not None:
        report["parity"] = _parity(loaded, files, options)
        write_json(out / "parity.json", report)
    if options.json:
        print_json(report)
        return
    for path, _ in files.values():
        print(path)
    if report["parity"]:
        _print(report["parity"])
    else:
        log("no data set named, so no parity report; give --data for one")


def _images(loaded: LoadedModel, data: str | None, split: str, count: int) -> list[Any]:
    """Images as the model sees them, each with its proposals where the model takes any."""
    source = loaded.source(data)
    split = split if split in source.sizes else source.held_out()
    channels = loaded.model.channels
    samples = (sample for _, sample in islice(source.samples(split), count))
    if not loaded.model.takes_proposals:
        return [as_model_sees(sample["image"], channels) for sample in samples]
    return [(as_model_sees(s["image"], channels), s["proposals"]) for s in samples]


def _parity(loaded: LoadedModel, files: dict[str, tuple[Path, Any]], options: Namespace):
    source = loaded.source(options.data)
    split = source.check_split(options.split or source.held_out())
    samples = list(islice(source.samples(split), options.images))
    channels = loaded.model.channels
    task = loaded.model.task_name

    def measured(prediction):
        seen = ((name, {**s, "image": as_model_sees(s["image"], channels)}) for name, s in samples)
        return evaluate(task, prediction, source, split, loaded.labels, seen)

    images = [as_model_sees(sample["image"], channels) for _, sample in samples]
    files = {
        name: (path, _in_words(prediction, loaded)) for name, (path, prediction) in files.items()
    }
    report = export.parity_report(_in_words(loaded.predictor(), loaded), files, images, measured)
    return {"data": source.spec, "split": split, "metric": headline(task).key, **report}


def _in_words(predict, loaded: LoadedModel):
    """The answers with captions as strings, which a file gives or gives the token ids of."""

    def in_words(image: np.ndarray) -> dict[str, Any]:
        found = predict(image)
        if "captions" not in found:
            return found
        said = [as_sentence(caption, loaded.labels) for caption in found["captions"]]
        return {**found, "captions": np.array(said)}

    return in_words


def _print(parity: dict[str, Any]) -> None:
    print(f"\non {parity['images']} images of {parity['data']}, {parity['split']}:")
    metric = parity["metric"]
    rows = []
    for name, row in parity.items():
        if not isinstance(row, dict):
            continue
        different = row.get("share_different", {})
        rows.append(
            (
                name,
                short(row["bytes"]) + "B" if "bytes" in row else "",
                f"{row['milliseconds']:.1f}",
                ", ".join(f"{100 * share:.3f} % of {key}" for key, share in different.items()),
                "—" if row["metrics"][metric] is None else f"{row['metrics'][metric]:.4f}",
            )
        )
    headings = ("file", "size", "ms", "differs in", metric)
    print(table(rows, headings, right=f"size ms {metric}"))
