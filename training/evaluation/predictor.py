"""What every measurement takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Predictor = Callable[[np.ndarray], dict[str, Any]]
"""From an image (H, W, C) uint8 to final answers in its pixels."""

Samples = Iterable[tuple[str, dict[str, np.ndarray]]]
"""Name and sample of each image, as `Source.samples` gives."""
