"""Building graphs for LiteRT, without the operators that it lacks."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_PORTABLE = contextvars.ContextVar("portable", default=False)


@contextlib.contextmanager
def portable_operators(portable: bool = True) -> Iterator[None]:
    """Restricts layers called in the `with` block to operators of LiteRT, if `portable`."""
    token = _PORTABLE.set(portable)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def only_portable() -> bool:
    """Returns whether layers are restricted to operators of LiteRT."""
    return _PORTABLE.get()
