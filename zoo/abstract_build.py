"""A model built for its shapes alone: no memory for weights, in a moment, however large it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from zoo.model import Model


def build_abstract(build: Callable[[], Model]) -> Model:
    """Builds a model whose variables have shapes but no values; it can be counted, not run.

    Raises:
        What `build` raises.
    """
    # Keras lists, a thread, the variables that still need values and fills them in at the next
    # chance. In a thread of its own that chance never comes, and the list ends with it.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_without_values, build).result()


def _without_values(build: Callable[[], Model]) -> Model:
    with keras.StatelessScope(initialize_variables=False):
        return build()
