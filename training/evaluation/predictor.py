"""Predictor and samples: the inputs of every evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from zoo.errors import InputError

Predictor = Callable[[np.ndarray], dict[str, Any]]
"""A function from an image (H, W, C) uint8 to its predictions in original-image coordinates."""

Samples = Iterable[tuple[str, dict[str, np.ndarray]]]
"""Name and sample of each image, see `Source.samples`."""


def counted(
    samples: Samples, progress: Callable[[int], None] | None = None, required: bool = True
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields the samples; `progress` takes the number of images done.

    Raises:
        InputError: if there is no sample and one is required.
    """
    count = 0
    for count, pair in enumerate(samples, 1):
        yield pair
        if progress:
            progress(count)
    if required and not count:
        raise InputError("no image to evaluate on; use another split.")
