"""Tables of evaluation results for a terminal, for any task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo_cli.output import table

_BASELINE = "_baseline"


def result_tables(result: Mapping[str, Any]) -> str:
    """Returns the metrics of an evaluation in one table, those per class or keypoint in others.

    Baselines such as `majority_baseline` are columns beside their metrics.
    """
    baselines = {
        key.removesuffix(_BASELINE).replace("_", " "): value
        for key, value in result.items()
        if key.endswith(_BASELINE)
    }
    numbers = {k: v for k, v in result.items() if v is None or isinstance(v, float)}
    headings = ("metric", "value", *baselines)
    rows = [
        (key, _cell(value), *(_cell(b[key]) if key in b else "" for b in baselines.values()))
        for key, value in numbers.items()
    ]
    tables = [table(rows, headings, right=" ".join(headings[1:]))] if rows else []
    return "\n\n".join([*tables, *_parts(result)])


def _parts(result: Mapping[str, Any]) -> list[str]:
    """Returns a table per set of names; metrics of the same names share a table."""
    groups: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for key, value in result.items():
        if isinstance(value, Mapping) and not key.endswith(_BASELINE) and _numbers(value):
            groups.setdefault(tuple(value), {})[key] = value
    return [_part(names, columns) for names, columns in groups.items()]


def _part(names: tuple[str, ...], columns: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(columns))
    what = first.rpartition("_by_")[2] if "_by_" in first else "class"
    titles = [key.rpartition("_by_")[0] or key for key in columns]
    rows = [(name, *(_cell(values[name]) for values in columns.values())) for name in names]
    return table(rows, (what, *titles), right=" ".join(titles))


def _numbers(values: Mapping[str, Any]) -> bool:
    return bool(values) and all(v is None or isinstance(v, float) for v in values.values())


def _cell(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"
