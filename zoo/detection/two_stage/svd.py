"""Dense layers cut in two by a truncated singular value decomposition (Fast R-CNN, section 3.1).

W ≈ U·Σ·V of rank t: a layer of u·v weights becomes one without bias and one with, of t·(u + v).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from zoo.errors import InputError

if TYPE_CHECKING:
    from zoo.model import Model

LAYERS = ("fc6", "fc7")
RANKS = (1024, 256)
"""Of fc6 and fc7, as published."""


def truncated_svd(model: Model, ranks: Sequence[int] = RANKS) -> Model:
    """A model with the dense layers of its region head in two parts each, and its weights.

    Args:
        model: a `fast_rcnn` with whole dense layers.
        ranks: of fc6 and fc7; the full rank, the shorter side of a layer's matrix, changes nothing.

    Returns:
        A new model of the same architecture with `svd_ranks` among its arguments.

    Raises:
        InputError: a model without such layers or already cut, or a rank out of range.
    """
    from zoo.registry import rebuild

    head: Any = getattr(model, "box_head", None)
    names = [layer.name for layer in head.layers] if head is not None else []
    if model.architecture != "fast_rcnn" or any(f"{name}_v" in names for name in LAYERS):
        raise InputError(
            f"{model.name}: truncated SVD is for a fast_rcnn whose dense layers are whole."
        )
    _check(head, ranks)
    arguments = {**model.arguments, "svd_ranks": list(ranks)}
    cut: Any = rebuild("fast_rcnn", arguments, model.get_config()["dtype"])
    given = {layer.name: layer for layer in model.layers}
    for layer in cut.layers:
        if layer.name in given and layer is not cut.box_head:
            layer.set_weights(given[layer.name].get_weights())
    for layer in cut.box_head.layers:
        if layer.name in names and layer.name not in LAYERS:
            layer.set_weights(head.get_layer(layer.name).get_weights())
    for name, rank in zip(LAYERS, ranks, strict=True):
        kernel, bias = (ops.convert_to_numpy(w) for w in head.get_layer(name).weights)
        first, second = factors(kernel, rank)
        cut.box_head.get_layer(f"{name}_v").set_weights([first])
        cut.box_head.get_layer(name).set_weights([second, bias])
    return cut


def factors(kernel: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, rank) and (rank, units) whose product is the best of that rank for a kernel."""
    u, values, v = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    first = u[:, :rank] * values[:rank]
    return first.astype(kernel.dtype), v[:rank].astype(kernel.dtype)


def _check(head: Any, ranks: Sequence[int]) -> None:
    if len(ranks) != len(LAYERS):
        raise InputError(f"truncated SVD takes two ranks, of fc6 and fc7, not {list(ranks)}.")
    for name, rank in zip(LAYERS, ranks, strict=True):
        full = min(head.get_layer(name).kernel.shape)
        if not 1 <= rank <= full:
            raise InputError(f"truncated SVD: the rank of {name} is from 1 to {full}, not {rank}.")
