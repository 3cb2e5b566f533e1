"""FLOPs of a model, multiplications and additions of one image, and its parameters.

A multiply-accumulate counts as two. Convolutions, transposed convolutions, dense and recurrent
products are counted on the built graph; normalization, activation, pooling and resizing are not,
as is usual. Other layers are counted by their method `macs(input_shape, output_shape) -> int`
(shapes with batch 1), where they have one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras

from zoo.abstract_build import build_abstract

if TYPE_CHECKING:
    from zoo.cards import Card


def count_flops(model: keras.Model) -> int:
    """Returns the FLOPs at batch 1 of a model built for a fixed height and width."""
    total = sum(_operation_macs(operation, node) for operation, node in _calls(model))
    extra = getattr(model, "second_stage_macs", None)
    return 2 * (total + (extra() if extra else 0))


def count_card(card: Card) -> dict[str, int]:
    """Returns the `trainable` and `stored` parameters, and `flops` at `card.flops_size`."""
    model = build_abstract(card.build_published)
    shape = card.published.get("input_shape")
    channels = shape[-1] if shape else 3
    arguments = {**card.published, "input_shape": (*card.flops_size, channels)}
    return {
        "trainable": sum(math.prod(variable.shape) for variable in model.trainable_variables),
        "stored": sum(math.prod(variable.shape) for variable in model.weights),
        "flops": count_flops(build_abstract(lambda: card.builder(**arguments))),
    }


def _calls(model: keras.Model):
    """Yields every call of a layer in the model's graph and in functional models inside it."""
    visited = set()
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            operation = node.operation
            if isinstance(operation, keras.layers.InputLayer) or id(node) in visited:
                continue
            visited.add(id(node))
            # The graph of a Sequential is in its own functional model.
            inner = getattr(operation, "_functional", None) or operation
            if hasattr(inner, "_nodes_by_depth"):
                yield from _calls(inner)
            else:
                yield operation, node


def _operation_macs(operation, node) -> int:
    if hasattr(operation, "macs"):
        return int(
            operation.macs(
                _shape(node.input_tensors[0], operation), _shape(node.outputs[0], operation)
            )
        )
    layers = keras.layers
    if isinstance(operation, layers.SeparableConv2D):
        out = _shape(node.outputs[0], operation)
        depthwise = math.prod(operation.depthwise_kernel.shape)
        pointwise = math.prod(operation.pointwise_kernel.shape)
        return out[1] * out[2] * (depthwise + pointwise)
    if isinstance(operation, layers.Conv2DTranspose):
        source = _shape(node.input_tensors[0], operation)
        return source[1] * source[2] * math.prod(operation.kernel.shape)
    if isinstance(operation, (layers.Conv1D, layers.Conv2D, layers.DepthwiseConv2D)):
        out = _shape(node.outputs[0], operation)
        return math.prod(out[1:-1]) * math.prod(operation.kernel.shape)
    if isinstance(operation, layers.Dense):
        out = _shape(node.outputs[0], operation)
        return math.prod(out[1:-1]) * math.prod(operation.kernel.shape)
    if isinstance(operation, layers.LSTM):
        out = _shape(node.input_tensors[0], operation)
        cell = operation.cell
        return out[1] * (math.prod(cell.kernel.shape) + math.prod(cell.recurrent_kernel.shape))
    return 0


def _shape(tensor, operation) -> tuple[int, ...]:
    shape = (1, *tensor.shape[1:])
    if any(side is None for side in shape):
        raise ValueError(
            f"{operation.name}: shape must be known to count FLOPs, not {tuple(tensor.shape)}; "
            "build the model with a fixed height and width."
        )
    return shape
