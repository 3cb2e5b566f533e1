"""Progress lines on standard error."""

from __future__ import annotations

import sys


def log(line: str) -> None:
    """Writes a line to standard error."""
    print(line, file=sys.stderr, flush=True)
