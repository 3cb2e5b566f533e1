"""Plots of accuracy against cost, with the Pareto front."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.files.atomic_writes import replacing
from zoo_cli.compare.compare_choice import Row, pareto
from zoo_cli.compare.compare_tasks import Headline

AXES = {
    "milliseconds": ("latency", "milliseconds per image", 1.0),
    "exported_bytes": ("size", "exported file, MB", 1e-6),
    "peak_memory": ("memory", "peak memory of training, GB", 1e-9),
}
"""By cost: name of the plot, label of its axis, factor from the row's unit to the axis'."""

_FRONT, _OTHER = "#0b6fa4", "#8a8a8a"


def write_plots(rows: Sequence[Row], metric: Headline, title: str, out: Path) -> dict[str, Path]:
    """Writes `accuracy_NAME.png` per cost that a row has; returns the files by cost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written: dict[str, Path] = {}
    for cost, (name, label, factor) in AXES.items():
        known = [row for row in rows if row.get(cost) is not None]
        if not known:
            continue
        figure = Figure(figsize=(8, 5.4), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, known, metric, cost, factor)
        axes.set(xlabel=label, ylabel=metric.name)
        axes.set_title("\n".join(textwrap.wrap(title, 90)), fontsize=10)
        figure.draw_without_rendering()
        _label(axes, known, cost, factor)
        path = out / f"accuracy_{name}.png"
        with replacing(path) as temporary:
            figure.savefig(temporary)
        written[cost] = path
    return written


def _draw(axes: Any, rows: Sequence[Row], metric: Headline, cost: str, factor: float) -> None:
    """Draws the points, and the front as the steps below which every point is dominated."""
    front = sorted(pareto(rows, metric, [cost]), key=lambda row: row[cost])
    names = {row["name"] for row in front}
    others = [row for row in rows if row["name"] not in names]
    for group, color, marker, label in (
        (front, _FRONT, "o", "on the front"),
        (others, _OTHER, "s", "dominated by another"),
    ):
        if group:
            x, y = [factor * row[cost] for row in group], [row["value"] for row in group]
            axes.scatter(x, y, 46, color, marker, label=label, zorder=3)
    x = [factor * row[cost] for row in front]
    y = [row["value"] for row in front]
    axes.step(x, y, where="post", color=_FRONT, linewidth=1.2, alpha=0.6, zorder=2)
    _spread(axes, [factor * row[cost] for row in rows], [row["value"] for row in rows])
    if metric.better == "min":
        axes.invert_yaxis()
    axes.grid(alpha=0.25)
    axes.legend(loc="best", fontsize=8)


def _spread(axes: Any, x: Sequence[float], y: Sequence[float]) -> None:
    """Sets the limits, with room for the names; the axis of widely spread costs is logarithmic."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = min(x), max(x)
    if low > 0 and high / low > 4:
        axes.set_xscale("log")
        stretch = (high / low) ** 0.12
        axes.set_xlim(low / stretch, high * stretch**1.6)
        marks = (1.0, 2.0, 3.0, 5.0) if high / low < 100 else (1.0, 3.0)
        axes.xaxis.set_major_locator(LogLocator(subs=marks))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        room = max(high - low, 0.1 * high, 1e-6)
        axes.set_xlim(low - 0.12 * room, high + 0.25 * room)
    margin = max(0.12 * (max(y) - min(y)), 0.01 * max(abs(max(y)), 1e-6))
    axes.set_ylim(min(y) - margin, max(y) + margin)


def _label(axes: Any, rows: Sequence[Row], cost: str, factor: float) -> None:
    """Draws each name beside its point, where it covers no other name and no point."""
    from matplotlib.transforms import Bbox

    points = [axes.transData.transform((factor * row[cost], row["value"])) for row in rows]
    occupied = [Bbox.from_bounds(x - 7, y - 7, 14, 14) for x, y in points]
    offsets = [
        (7 * side, 8 * level, "left" if side > 0 else "right")
        # Below and right of its point a name does not overlap the steps.
        for level, side in itertools.product((-1, 1, 0, -2, 2, -3, 3, -4, 4, -5, 5), (1, -1))
    ]
    for number, row in enumerate(rows):
        others = occupied[:number] + occupied[number + 1 :]
        for dx, dy, align in offsets:
            text = axes.annotate(
                row["name"],
                (factor * row[cost], row["value"]),
                (dx, dy),
                textcoords="offset points",
                ha=align,
                va="center",
                fontsize=8,
                arrowprops={"arrowstyle": "-", "lw": 0.4, "color": _OTHER} if abs(dy) > 8 else None,
            )
            box = text.get_window_extent().padded(1)
            inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
            if (inside and box.count_overlaps(others) == 0) or (dx, dy, align) == offsets[-1]:
                occupied.append(box)
                break
            text.remove()
