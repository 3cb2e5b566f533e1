"""What every measurement takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

AnswerFunction = Callable[[np.ndarray], dict[str, Any]]
"""From a picture (H, W, C) uint8 to final answers in its pixels."""

Samples = Iterable[tuple[str, dict[str, np.ndarray]]]
"""Name and sample of each picture, as `Source.samples` gives."""
