"""One thing wrong with a sample."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """As a `Defect`, without its file; no reader leaves out what shows only here.

    Attributes:
        record: which part of the sample; empty for all of it.
        problem, remedy: as in a `Defect`.
    """

    record: str
    problem: str
    remedy: str
