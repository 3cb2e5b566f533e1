"""Models built for their shapes alone, without memory for weights, however large they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from zoo.model import Model


def build_abstract(build: Callable[[], Model]) -> Model:
    """Builds a model whose variables have shapes but no values; it can be counted, not run."""
    # Keras keeps, per thread, a list of variables without values and initializes them at the next
    # opportunity. In a separate thread that opportunity never comes, and the list ends with it.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_without_values, build).result()


def _without_values(build: Callable[[], Model]) -> Model:
    with keras.StatelessScope(initialize_variables=False):
        return build()
