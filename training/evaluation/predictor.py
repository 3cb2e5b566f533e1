"""The types that every evaluation takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Predictor = Callable[[np.ndarray], dict[str, Any]]
"""A function from an image (H, W, C) uint8 to its predictions in original-image coordinates."""

Samples = Iterable[tuple[str, dict[str, np.ndarray]]]
"""Name and sample of each image, see `Source.samples`."""
