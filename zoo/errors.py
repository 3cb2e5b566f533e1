"""The error for wrong input, and suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A wrong argument, file or option; the message is one line with the problem and the remedy.

    The `zoo` command prints the message alone and exits with status 2.
    """


class LabelWarning(UserWarning):
    """Labels or images of a data set that are not used; the message is one line."""


def nearest(word: object, known: Iterable[str]) -> str:
    """Returns `"; did you mean 'x'?"` for the known word nearest to `word`, or a full stop."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
