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
from zoo.errors import InputError
from zoo.files.atomic_writes import write_json
from zoo_cli.compare.compare_tasks import headline
from zoo_cli.loaded_model import Opened, as_model_sees, open_with_aids
from zoo_cli.output import print_json, say, short, table


def run_export(options: Namespace) -> None:
    """Exports and compares; the report is `parity.json` beside the files."""
    opened = open_with_aids(options)
    out = Path(options.out or (opened.path if opened.run else opened.path.parent) / "export")
    delivery = export.Delivery.of(
        opened.model, opened.labels, opened.image_size, opened.fit, opened.inference
    )
    data = options.data or (opened.run.data if opened.run else None)
    if data is None and options.quantize == "int8":
        raise InputError("int8 needs pictures to find the range of values; name a data set: --data")
    files: dict[str, tuple[Path, Any]] = {}
    if "saved_model" in options.format:
        path = export.export_saved_model(delivery, out / "saved_model")
        files["saved_model"] = (path, opened.proposing(export.saved_model_answerer(path)))
    if "litert" in options.format:
        ending = "" if options.quantize == "none" else f".{options.quantize}"
        calibration: list[Any] = []
        if options.quantize == "int8":
            calibration = _pictures(opened, data, "train", options.pictures)
        path = out / f"model{ending}.tflite"
        export.export_litert(delivery, path, options.quantize, calibration, options.thresholds)
        files[f"litert{ending}"] = (path, opened.proposing(export.litert_answerer(path)))
    if "onnx" in options.format:
        path = export.export_onnx(delivery, out / "model.onnx")
        files["onnx"] = (path, opened.proposing(export.onnx_answerer(path)))
    report: dict[str, Any] = {
        "model": str(opened.path),
        "image_size": opened.image_size,
        "inference": opened.inference.to_dict(),
    }
    report["files"] = {name: str(path) for name, (path, _) in files.items()}
    report["parity"] = None
    if data is not None:
        report["parity"] = _parity(opened, files, options)
        write_json(out / "parity.json", report)
    if options.json:
        print_json(report)
        return
    for path, _ in files.values():
        print(path)
    if report["parity"]:
        _print(report["parity"])
    else:
        say("no data set named, so no parity report; give --data for one")


def _pictures(opened: Opened, data: str | None, split: str, count: int) -> list[Any]:
    """Pictures as the model sees them, each with its proposals where the model takes any."""
    source = opened.source(data)
    split = split if split in source.sizes else source.held_out()
    channels = opened.model.channels
    samples = (sample for _, sample in islice(source.samples(split), count))
    if not opened.model.takes_proposals:
        return [as_model_sees(sample["image"], channels) for sample in samples]
    return [(as_model_sees(s["image"], channels), s["proposals"]) for s in samples]


def _parity(opened: Opened, files: dict[str, tuple[Path, Any]], options: Namespace):
    source = opened.source(options.data)
    split = source.check_split(options.split or source.held_out())
    samples = list(islice(source.samples(split), options.pictures))
    channels = opened.model.channels
    task = opened.model.task_name

    def measured(answer):
        seen = ((name, {**s, "image": as_model_sees(s["image"], channels)}) for name, s in samples)
        return evaluate(task, answer, source, split, opened.labels, seen)

    pictures = [as_model_sees(sample["image"], channels) for _, sample in samples]
    files = {name: (path, _in_words(answer, opened)) for name, (path, answer) in files.items()}
    report = export.parity_report(_in_words(opened.answerer(), opened), files, pictures, measured)
    return {"data": source.spec, "split": split, "metric": headline(task).key, **report}


def _in_words(answer, opened: Opened):
    """The answers with captions as strings, which a file gives or gives the token ids of."""

    def in_words(image: np.ndarray) -> dict[str, Any]:
        found = answer(image)
        if "captions" not in found:
            return found
        said = [as_sentence(caption, opened.labels) for caption in found["captions"]]
        return {**found, "captions": np.array(said)}

    return in_words


def _print(parity: dict[str, Any]) -> None:
    print(f"\non {parity['pictures']} pictures of {parity['data']}, {parity['split']}:")
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
