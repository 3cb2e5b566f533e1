"""`zoo data DATA --anchors K`: anchor shapes for the objects of a data set."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np

from training.data.anchor_clustering import Anchors, find_anchors
from training.data.checking import object_shapes
from training.data.sources import Source
from training.progress import Bar
from zoo.console import log
from zoo.files.atomic_writes import replacing
from zoo_cli.output import print_json, table

_STRIDE = 32
_IMAGE_SIZE = (416, 416)
_PLOTTED = 20_000


def run_anchors(source: Source, splits: list[str], options: Namespace) -> int:
    """Clusters the shapes of a data set's objects and prints the anchors in pixels and cells."""
    if not options.split and "train" in splits:
        splits = ["train"]
    size = options.image_size or _IMAGE_SIZE
    with Bar("reading", sum(source.sizes[split] for split in splits)) as bar:
        shapes = object_shapes(
            source, splits, size, options.resize, each=lambda split, number: bar.step(split)
        )
    anchors = find_anchors(shapes, options.anchors)
    report = {
        "data": source.spec,
        "splits": splits,
        "image_size": list(size),
        "resize": options.resize,
        "objects": len(shapes),
        "mean_best_iou": anchors.mean_best_iou,
        "anchors_pixels": np.round(anchors.shapes, 2).tolist(),
        "anchors_cells": np.round(anchors.shapes / _STRIDE, 5).tolist(),
        "fractions": anchors.fractions.tolist(),
        "mean_ious": anchors.mean_ious.tolist(),
    }
    if options.out:
        _plot(shapes, anchors, size, source.spec, options.out)
        log(f"plot: {options.out}")
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 0


def _print(report: dict[str, Any]) -> None:
    height, width = report["image_size"]
    print(
        f"{report['objects']} objects of {', '.join(report['splits'])}, with a model input "
        f"size of {height}×{width} pixels (height × width)"
    )
    rows = [
        (
            f"{pixels[0]:.1f} × {pixels[1]:.1f}",
            f"{cells[0]:.3f} × {cells[1]:.3f}",
            f"{100 * fraction:.1f} %",
            f"{iou:.3f}",
        )
        for pixels, cells, fraction, iou in zip(
            *(report[key] for key in ("anchors_pixels", "anchors_cells", "fractions", "mean_ious")),
            strict=True,
        )
    ]
    headings = ("width × height, pixels", f"cells of {_STRIDE}", "objects", "mean IoU")
    print(table(rows, headings))
    print(f"mean IoU of an object with its best anchor: {report['mean_best_iou']:.4f}")


def _plot(
    shapes: np.ndarray, anchors: Anchors, size: tuple[int, int], title: str, path: str
) -> None:
    """Plots objects as points and anchors as crosses, width against height in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = shapes[:: -(-len(shapes) // _PLOTTED)]
    axes.scatter(shown[:, 0], shown[:, 1], 6, "#8a8a8a", alpha=0.35, linewidths=0, label="objects")
    x, y = anchors.shapes.T
    axes.scatter(x, y, 90, "#c8102e", marker="+", linewidths=2, label="anchors", zorder=3)
    axes.set(
        xlabel=f"width, pixels of {size[1]}",
        ylabel=f"height, pixels of {size[0]}",
        title=f"{title}: mean best IoU {anchors.mean_best_iou:.3f}",
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="best", fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary)
