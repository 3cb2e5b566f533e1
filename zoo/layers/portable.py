"""Saying that a graph is drawn for LiteRT, so that layers leave out operators it does not have."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_PORTABLE = contextvars.ContextVar("portable", default=False)


@contextlib.contextmanager
def portable_operators(portable: bool = True) -> Iterator[None]:
    """Inside the `with` block layers draw only operators that LiteRT has, if `portable`."""
    token = _PORTABLE.set(portable)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def only_portable() -> bool:
    """Whether the graph at hand may have LiteRT's operators only."""
    return _PORTABLE.get()
