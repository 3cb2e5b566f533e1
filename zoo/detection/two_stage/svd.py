"""Truncated singular value decomposition of dense layers (Fast R-CNN, ICCV 2015, section 3.1).

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
"""Ranks of fc6 and fc7 in the paper."""


def truncated_svd(model: Model, ranks: Sequence[int] = RANKS) -> Model:
    """Splits each dense layer of a Fast R-CNN's head in two by a truncated SVD.

    Args:
        model: a `fast_rcnn` with whole dense layers.
        ranks: ranks of fc6 and fc7, from 1 to the shorter side of a layer's matrix, which leaves
            the layer's output unchanged.

    Returns:
        A new model of the same architecture, with `svd_ranks` among its arguments.

    Raises:
        InputError: if the model is not such a model, or a rank is out of range.
    """
    head: Any = getattr(model, "box_head", None)
    names = [layer.name for layer in head.layers] if head is not None else []
    if model.architecture != "fast_rcnn" or any(f"{name}_v" in names for name in LAYERS):
        raise InputError(f"{model.name}: truncated SVD needs a fast_rcnn with whole dense layers.")
    _check_ranks(head, ranks)
    split: Any = model.rebuild(svd_ranks=list(ranks))
    sources = {layer.name: layer for layer in model.layers}
    for layer in split.layers:
        if layer.name in sources and layer is not split.box_head:
            layer.set_weights(sources[layer.name].get_weights())
    for layer in split.box_head.layers:
        if layer.name in names and layer.name not in LAYERS:
            layer.set_weights(head.get_layer(layer.name).get_weights())
    for name, rank in zip(LAYERS, ranks, strict=True):
        kernel, bias = (ops.convert_to_numpy(w) for w in head.get_layer(name).weights)
        first, second = factors(kernel, rank)
        split.box_head.get_layer(f"{name}_v").set_weights([first])
        split.box_head.get_layer(name).set_weights([second, bias])
    return split


def factors(kernel: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (inputs, rank) and (rank, units), whose product is the best of that rank."""
    u, values, v = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    first = u[:, :rank] * values[:rank]
    return first.astype(kernel.dtype), v[:rank].astype(kernel.dtype)


def _check_ranks(head: Any, ranks: Sequence[int]) -> None:
    if len(ranks) != len(LAYERS):
        raise InputError(f"ranks must be two numbers, of fc6 and fc7, not {list(ranks)}.")
    for name, rank in zip(LAYERS, ranks, strict=True):
        full = min(head.get_layer(name).kernel.shape)
        if not 1 <= rank <= full:
            raise InputError(f"the rank of {name} must be from 1 to {full}, not {rank}.")
