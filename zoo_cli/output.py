"""Tables and JSON on standard output; everything else goes to standard error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def print_json(data: Any) -> None:
    """Prints the JSON object of `--json`."""
    print(json.dumps(data, indent=2, default=str))


def table(rows: Sequence[Sequence[Any]], headings: Sequence[str], right: str = "") -> str:
    """Returns a table in columns of equal width.

    Args:
        rows: rows of cells.
        headings: headings of the columns.
        right: headings of right-aligned columns, separated by spaces.
    """
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
