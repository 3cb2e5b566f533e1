"""Networks of other libraries behind the feature contract: levels, strides, paddings, norms."""

from __future__ import annotations

import collections
import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import layers
from keras.src.backend.common import global_state

from zoo.backbones.backbone import (
    Backbone,
    check_output_stride,
    normalize_to_unit,
    pooled_top,
)
from zoo.errors import InputError
from zoo.layers.normalization_policy import FrozenBatchNormalization, check_policy
from zoo.layers.padding import PadToMultiple

PROBE_SIZE = 256
"""Height and width of the input on which a network's strides are measured."""

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
_POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)


def foreign_backbone(
    name: str,
    build: Callable[..., keras.Model],
    normalize: Callable[[Any], Any],
    levels: tuple[int, ...],
    divisor: int = 1,
) -> Backbone:
    """Returns the backbone of a network of another library.

    Args:
        name: name in `zoo.backbones`, such as `"applications:VGG19"`.
        build: `build(channels=, width=, weights=)`, returning the network without its top on images
            of `PROBE_SIZE` or a little more.
        normalize: normalization of RGB pixels 0…255; other images are scaled to -1…1.
        levels: levels of the network's maps.
        divisor: divisor of the sides that the network takes, in pixels; images of other sizes
            are padded with zeros at the bottom and right.
    """
    backbone = name

    def features(
        x,
        *,
        norm: str | None = "batch",
        output_stride: int = 32,
        width: float = 1.0,
        name: str = backbone,
    ) -> dict[int, Any]:
        stride, policy = check_output_stride(output_stride), check_policy(norm)

        def trunk(weights: str | None = None) -> keras.Model:
            try:
                with _fresh_names():
                    model = build(channels=x.shape[-1], width=width, weights=weights)
                    title = name.replace(":", "_")
                    return adapt(model, policy, stride, levels, title, divisor)
            except InputError as error:
                raise InputError(f"backbone {backbone!r}: {error}") from error

        layer = trunk()
        layer.with_published_weights = trunk
        return layer(x)

    def normalize_images(x):
        return normalize(x) if x.shape[-1] == 3 else normalize_to_unit(x)

    return Backbone(name, features, normalize_images, pooled_top(name), tiny={}, levels=levels)


@contextlib.contextmanager
def _fresh_names() -> Iterator[None]:
    """Restarts Keras' automatic names, so that variable paths do not depend on earlier models."""
    counts = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", counts)


def adapt(
    model: keras.Model,
    norm: str,
    output_stride: int,
    levels: tuple[int, ...],
    name: str,
    divisor: int = 1,
) -> keras.Model:
    """Rebuilds a functional network on a square input as a trunk of the feature contract.

    The trunk takes normalized pixels (N, H, W, C) of any size and returns {level: map}. Rescaling
    layers of the network are left out. Unpadded convolutions are padded, which gives every map its
    nominal size; strides beyond `output_stride` become dilation rates. The policy may be `"batch"`,
    `"frozen"` or `"sync"`; any, for a network without batch normalization.
    """
    _allow_any_size(model)
    graph = _Graph(model, norm, output_stride)
    inputs = keras.Input((None, None, model.input_shape[-1]))
    padded = PadToMultiple(divisor, mode="zero", name="pad")(inputs) if divisor > 1 else inputs
    outputs = graph.rebuild(padded)
    trunk = keras.Model(inputs, {level: outputs[level] for level in levels}, name=name)
    try:
        shapes = trunk.compute_output_shape((1, PROBE_SIZE, PROBE_SIZE, inputs.shape[-1]))
    except ValueError:
        shapes = {}
    for level in levels:
        side = PROBE_SIZE // min(2**level, output_stride)
        if not shapes or shapes[level][1:3] != (side, side):
            raise InputError(f"output_stride must be 32, not {output_stride}.")
    return trunk


def _allow_any_size(model: keras.Model) -> None:
    """Lets the models nested in a network take inputs of other sizes than the network's."""
    for layer in model._flatten_layers(include_self=False):
        for part in (layer, getattr(layer, "_functional", None)):
            if isinstance(part, keras.Model):
                part.input_spec = None


class _Graph:
    """The operations of a network in order, with the strides and the makers of their tensors."""

    def __init__(self, model: keras.Model, norm: str, output_stride: int):
        self.nodes = [operation._inbound_nodes[0] for operation in model.operations]
        self.norm, self.limit = norm, output_stride
        self.makers = {id(x): node.operation for node in self.nodes for x in node.output_tensors}
        self.readers: dict[int, list[Any]] = {key: [] for key in self.makers}
        self.strides: dict[int, int] = {}
        for node in self.nodes:
            for x in node.input_tensors:
                self.readers[id(x)].append(node)
            for x in node.output_tensors:
                self.strides[id(x)] = self._stride(node, x, model.input_shape[1])

    def _stride(self, node, x, side: int) -> int:
        if isinstance(node.operation, layers.ZeroPadding2D):
            return self.strides[id(node.input_tensors[0])]
        return 2 ** round(math.log2(side / x.shape[1])) if len(x.shape) == 4 else 0

    def rebuild(self, inputs) -> dict[int, Any]:
        """Calls the changed operations on `inputs`; returns {level: map}.

        A level ends at the last operation of its stride that no other path bypasses, or at the
        last concatenation in networks whose cells read two cells before them.
        """
        rebuilt: dict[int, Any] = {}
        outputs: dict[int, Any] = {}
        started = False
        unread = {key: len(readers) for key, readers in self.readers.items()}
        for node in self.nodes:
            operation, old = node.operation, node.output_tensors
            rebuilt.update(zip(map(id, old), self._call(node, rebuilt, inputs), strict=True))
            for x in node.input_tensors:
                unread[id(x)] -= 1
                if not unread[id(x)]:
                    del unread[id(x)]
            started = started or (bool(_weights(operation)) and not _rescales(operation))
            read_later = unread.keys() & rebuilt.keys()
            ends = len(read_later) == 1 or isinstance(operation, layers.Concatenate)
            if started and ends and not isinstance(operation, layers.ZeroPadding2D):
                outputs[self.strides[id(old[0])].bit_length() - 1] = rebuilt[id(old[0])]
        return outputs

    def _call(self, node, rebuilt: dict[int, Any], inputs) -> list[Any]:
        """The outputs of a node's changed operation on the rebuilt tensors."""
        if not node.input_tensors:
            return [inputs]
        operation = self._changed(node)
        if operation is None:
            return [rebuilt[id(node.input_tensors[0])]]
        args, kwargs = keras.tree.map_structure(
            lambda x: rebuilt.get(id(x), x), (node.arguments.args, node.arguments.kwargs)
        )
        outputs = keras.tree.flatten(operation(*args, **kwargs))
        if operation is not node.operation and _weights(operation):
            operation.set_weights(node.operation.get_weights())
        return outputs

    def _changed(self, node):
        """A copy of a node's operation with its changes; None leaves the operation out."""
        layer = node.operation
        if _rescales(layer):
            return None
        if not isinstance(layer, layers.Layer):
            return layer
        inside = list(layer._flatten_layers(include_self=False))
        if inside or not type(layer).__module__.startswith("keras."):
            normalized = any(isinstance(part, layers.BatchNormalization) for part in inside)
            if normalized and self.norm != "batch":
                raise InputError(
                    f"norm must be 'batch', not {self.norm!r}; the batch normalization inside the "
                    f"layer {layer.name} cannot be replaced."
                )
            return layer
        config, kind = layer.get_config(), type(layer)
        if isinstance(layer, layers.BatchNormalization):
            kind, change = self._normalization(kind)
        elif isinstance(layer, layers.ZeroPadding2D):
            dilated = all(self._window(reader)[1] for reader in self.readers[id(layer.output)])
            change = {"padding": 0} if dilated else {}
        else:
            change, _ = self._window(node)
            if change.pop("skip", False):
                return None
        return kind.from_config(config | change)

    def _normalization(self, kind) -> tuple[Any, dict[str, Any]]:
        if self.norm == "batch":
            return kind, {}
        if self.norm == "frozen":
            return FrozenBatchNormalization, {}
        if self.norm == "sync":
            return kind, {"synchronized": True}
        raise InputError(f"norm must be 'batch', 'frozen' or 'sync', not {self.norm!r}.")

    def _window(self, node) -> tuple[dict[str, Any], bool]:
        """Changes of a convolution or pooling, and whether it needs no zero padding before it."""
        layer = node.operation
        convolves = isinstance(layer, _CONVOLUTIONS)
        if not convolves and not isinstance(layer, _POOLINGS):
            return {}, False
        source = node.input_tensors[0]
        size = max(layer.kernel_size if convolves else layer.pool_size)
        stride = max(layer.strides)
        change: dict[str, Any] = {}
        if stride > 1 and self.strides[id(source)] * stride > self.limit:
            change["strides"] = 1
            if not convolves and size <= stride:
                return {"skip": True}, False
        rate = self.strides[id(source)] // self.limit
        if convolves and size > 1 and rate > 1:
            change["dilation_rate"] = rate
        padded = isinstance(self.makers[id(source)], layers.ZeroPadding2D)
        if change or (layer.padding == "valid" and size > stride and not padded):
            change["padding"] = "same"
        return change, "padding" in change


def _weights(operation) -> list[Any]:
    return operation.weights if isinstance(operation, layers.Layer) else []


def _rescales(operation) -> bool:
    return isinstance(operation, (layers.Rescaling, layers.Normalization))
