"""Tables and JSON on standard output; everything else goes to standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.console import log

_BASELINE = "_baseline"


def print_json(data: Any) -> None:
    """Prints the JSON object of `--json`."""
    print(json.dumps(data, indent=2, default=str))


def print_json_line(data: Any) -> None:
    """Prints a JSON value as a line of `--json-lines`, at once."""
    print(json.dumps(data, default=str), flush=True)


class ImageErrors:
    """Images that cannot be read, which a command leaves out, names and counts.

    Attributes:
        found: `image` and `error` of each, for `--json`.
    """

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def add(self, name: str, message: str) -> None:
        """Adds an image by its name and the message about it, which is logged."""
        self.found.append({"image": name, "error": message})
        log(message)

    def status(self) -> int:
        """Returns the exit status, 1 if there are errors; logs their number."""
        if not self.found:
            return 0
        count = len(self.found)
        log(f"{count} {'image' if count == 1 else 'images'} could not be read, named above.")
        return 1


def table(rows: Sequence[Sequence[Any]], headings: Sequence[str], right: str = "") -> str:
    """Returns a table; `right` are headings of right-aligned columns, separated by spaces."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    lines = []
    for row in cells:
        parts = (
            cell.rjust(width) if heading in right.split() else cell.ljust(width)
            for cell, width, heading in zip(row, widths, headings, strict=True)
        )
        lines.append("  ".join(parts).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def short(number: float) -> str:
    """Returns 31030658 as `31.03 M`."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return f"{number:g}"


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
