"""`zoo data`: what is in a data set, what is wrong with it, and what it looks like."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from typing import Any

import numpy as np
import tensorflow as tf

from training.drawing import overlay_classes, save_sheet, sheet
from training.sources import Source, open_source
from zoo.command.output import print_json, say, table
from zoo.tasks.schema import IGNORE

_DRAWN = 12


def run_data(options: Namespace) -> int:
    """Reads every record; returns 1 when there are defects."""
    source = open_source(options.data)
    splits = [source.check_split(options.split)] if options.split else list(source.sizes)
    for note in source.notes:
        say(f"{source.spec}: {note}")
    report: dict[str, Any] = {
        "data": source.spec,
        "classes": list(source.class_names),
        "notes": source.notes,
        "splits": {},
        "defects": [],
    }
    drawn: list[np.ndarray] = []
    for split in splits:
        report["splits"][split] = _read(source, split, report["defects"], drawn)
    seen = report["splits"].get("train", {}).get("pixels", {})
    for split in splits:
        unseen = [
            name
            for name, count in report["splits"][split]["pixels"].items()
            if count and not seen.get(name)
        ]
        if seen and unseen:
            report["defects"].append(f"{split}: classes never seen in train: {', '.join(unseen)}")
    if options.out:
        rows = [drawn[i : i + 4] for i in range(0, len(drawn), 4)]
        save_sheet(options.out, sheet(rows, legend=source.class_names))
        say(f"contact sheet: {options.out}")
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 1 if report["defects"] else 0


def _read(source: Source, split: str, defects: list[str], drawn: list[np.ndarray]) -> dict:
    sizes: Counter[str] = Counter()
    pixels = np.zeros(256, np.int64)
    pictures = np.zeros(256, np.int64)
    every = max(1, source.sizes[split] // _DRAWN)
    decode = tf.function(source.decode, reduce_retracing=True, autograph=False)
    for number, record in enumerate(source.raw(split)):
        try:
            sample = {key: value.numpy() for key, value in decode(record).items()}
        except tf.errors.OpError as error:
            defects.append(source.complaint(record, error))
            continue
        image, classes = sample["image"], sample["segmentation"]
        sizes["×".join(map(str, image.shape[:2]))] += 1
        counts = np.bincount(np.clip(classes, 0, IGNORE).ravel(), minlength=256)
        pixels += counts
        pictures += counts > 0
        if number % every == 0 and len(drawn) < _DRAWN:
            drawn.append(overlay_classes(image, classes, source.num_classes))
    names = source.class_names
    return {
        "pictures": source.sizes[split],
        "sizes": dict(sizes.most_common()),
        "pixels": {name: int(pixels[i]) for i, name in enumerate(names)},
        "pictures_with": {name: int(pictures[i]) for i, name in enumerate(names)},
        "ignored_pixels": int(pixels[IGNORE]),
    }


def _print(report: dict[str, Any]) -> None:
    for split, found in report["splits"].items():
        total = max(1, sum(found["pixels"].values()) + found["ignored_pixels"])
        shown = list(found["sizes"].items())[:5]
        sizes = ", ".join(f"{size} ({count})" for size, count in shown)
        more = f", and {len(found['sizes']) - 5} more" if len(found["sizes"]) > 5 else ""
        print(f"{split}: {found['pictures']} pictures; height×width {sizes}{more}")
        rows = [
            (name, f"{100 * count / total:.2f} %", found["pictures_with"][name])
            for name, count in found["pixels"].items()
        ]
        rows.append(("(ignored)", f"{100 * found['ignored_pixels'] / total:.2f} %", ""))
        print(table(rows, ("class", "pixels", "pictures"), right="pixels pictures"), end="\n\n")
    if report["defects"]:
        print(f"{len(report['defects'])} defects")
        for defect in report["defects"]:
            print(f"  {defect}")
    else:
        print("no defects")
