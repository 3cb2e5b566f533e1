"""The one kind of error that a user, not the zoo, can put right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something that was given to the zoo is wrong; the message is one line that says what and how.

    The `zoo` command prints the message alone and ends with status 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns `"; did you mean 'x'?"` for the known word nearest to `word`, or a full stop."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
