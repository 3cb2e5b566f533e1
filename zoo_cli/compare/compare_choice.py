"""Pareto front of the compared models, and a recommendation from their numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from zoo_cli.compare.compare_tasks import Headline
from zoo_cli.output import short

Row = Mapping[str, Any]

COSTS = ("milliseconds", "exported_bytes", "peak_memory")
"""Keys of a row for which less is better."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """A recommendation: names of models (None for none), and in `lines` the same in sentences.

    `front` are the models that no other dominates, best first; `dominated` maps each other model
    to one that dominates it; `fastest` and `smallest` are within the margin of `best`.
    """

    best: str | None
    fastest: str | None
    smallest: str | None
    front: list[str]
    dominated: dict[str, str]
    lines: list[str]


def dominates(one: Row, other: Row, metric: Headline, costs: Sequence[str] = COSTS) -> bool:
    """Whether `one` is as good in all and better in something; unknown costs are infinite."""
    first, second = _losses(one, metric, costs), _losses(other, metric, costs)
    return all(a <= b for a, b in zip(first, second, strict=True)) and first != second


def pareto(rows: Sequence[Row], metric: Headline, costs: Sequence[str] = COSTS) -> list[Row]:
    """Returns the rows that no other row dominates, best headline metric first."""
    front = [r for r in rows if not any(dominates(other, r, metric, costs) for other in rows)]
    return sorted(front, key=lambda row: _loss(row, metric))


def choose(
    rows: Sequence[Row], metric: Headline, margin: float, baseline: float | None = None
) -> Choice:
    """Returns a recommendation from rows with `name`, `value` (of `metric`) and `COSTS`.

    A difference up to `margin` is too small to choose by; `baseline` is the metric of a constant
    prediction, None where the task has none.
    """
    if not rows:
        return Choice(None, None, None, [], {}, ["No recommendation: no model was trained."])
    front = pareto(rows, metric)
    best = front[0]
    near = [row for row in front if _loss(row, metric) - _loss(best, metric) <= margin + 1e-9]
    fastest = _least(near, "milliseconds")
    smallest = _least(near, "exported_bytes")
    dominated = {
        row["name"]: next(f["name"] for f in front if dominates(f, row, metric))
        for row in rows
        # Unknown for what was not measured.
        if row not in front and all(row.get(cost) is not None for cost in COSTS)
    }
    lines = [f"Best: **{best['name']}**, {metric.name} {best['value']:.4f}{_costs_of(best)}."]
    if len(near) > 1:
        words = {"milliseconds": ("fastest", "as fast"), "exported_bytes": ("smallest", "as small")}
        for other, cost in ((fastest, "milliseconds"), (smallest, "exported_bytes")):
            lines += _against(best, other, metric, margin, cost, words[cost])
    elif len(rows) > 1:
        lines.append(f"No other model on the front is within {margin:g} of it.")
    least = _least(front, "exported_bytes")
    if least is not None and least not in near:
        lines.append(
            f"Smallest on the front: **{least['name']}**, {short(least['exported_bytes'])}B, "
            f"with {metric.name} {least['value']:.4f}."
        )
    lines += _warnings(rows, best, dominated, metric, baseline)
    return Choice(
        best["name"],
        fastest["name"] if fastest else None,
        smallest["name"] if smallest else None,
        [row["name"] for row in front],
        dominated,
        lines,
    )


def _against(
    best: Row, other: Row | None, metric: Headline, margin: float, cost: str, words: tuple[str, str]
) -> list[str]:
    """Compares the cheapest model within the margin with the best, in a sentence."""
    if other is None:
        return []
    if other["name"] == best["name"]:
        return [f"It is also the {words[0]} within {margin:g} of it."]
    within = f"{words[0].capitalize()} within {margin:g} of it"
    ratio = best[cost] / other[cost] if best.get(cost) and other[cost] else None
    times = f", {ratio:.1f} times {words[1]}" if ratio else ""
    value = f"{metric.name} {other['value']:.4f}"
    return [f"{within}: **{other['name']}**, {value}{_costs_of(other)}{times}."]


def _warnings(
    rows: Sequence[Row],
    best: Row,
    dominated: Mapping[str, str],
    metric: Headline,
    baseline: float | None,
) -> list[str]:
    lines = []
    if dominated:
        named = ", ".join(f"{name} (by {by})" for name, by in dominated.items())
        lines.append(f"Dominated by another in accuracy, time, size and memory: {named}.")
    sign = 1 if metric.better == "max" else -1
    if baseline is not None:
        lost = [row["name"] for row in rows if sign * row["value"] <= sign * baseline]
        if len(lost) == len(rows):
            lines.append(
                f"No model is better than the majority baseline ({baseline:.4f}); train longer, or "
                "check the data with zoo data."
            )
        elif lost:
            lines.append(f"Not above the majority baseline ({baseline:.4f}): {', '.join(lost)}.")
    if len(rows) == 1:
        lines.append(f"{best['name']} is the only trained model.")
    return lines


def _costs_of(row: Row) -> str:
    known = []
    if row.get("milliseconds") is not None:
        known.append(f"{row['milliseconds']:.1f} ms")
    if row.get("exported_bytes") is not None:
        known.append(f"{short(row['exported_bytes'])}B")
    return f" ({', '.join(known)})" if known else ""


def _least(rows: Sequence[Row], cost: str) -> Row | None:
    known = [row for row in rows if row.get(cost) is not None]
    return min(known, key=lambda row: row[cost]) if known else None


def _loss(row: Row, metric: Headline) -> float:
    return -row["value"] if metric.better == "max" else row["value"]


def _losses(row: Row, metric: Headline, costs: Sequence[str]) -> list[float]:
    values = [row.get(cost) for cost in costs]
    return [_loss(row, metric), *(float("inf") if v is None else float(v) for v in values)]
