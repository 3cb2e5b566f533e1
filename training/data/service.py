"""Training batches made by other machines: tf.data's service.

A dispatcher shares the numbers of the batches out among workers; each worker makes the batches
whose numbers it is given, and the training process fetches them. Workers need this package's
TensorFlow and the data set (and, with `cache=disk:FOLDER`, the cache) under the same paths.

A batch has the same images, changed in the same way, as without a service, and each comes once;
but they come in the order in which workers finish them, so a run is no longer the same to the bit.
A resumed run begins with the batch that it stopped before; what had been fetched and not been used
when it stopped is made again. The batches that a dying worker was making are lost for that epoch.
A data set that can only be read from its beginning (`tfds:` without a cache on disk, and `buckets`)
is shared out epoch by epoch, so that batches of as many epochs as there are workers come mixed.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from zoo.errors import InputError

_ADDRESS = re.compile(r"grpc://(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d{1,5}")
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_address(address: str) -> str:
    """Returns the address of a dispatcher.

    Raises:
        InputError: it is not of the form grpc://HOST:PORT.
    """
    if address and not _ADDRESS.fullmatch(address):
        raise InputError(f"data_service is grpc://HOST:PORT, not {address!r}.")
    return address


def distributed(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """The data set, made by the workers of the service at `address`; here, if that is empty.

    Raises:
        InputError: not an address, or the data set cannot be made in another process.
    """
    if not check_address(address):
        return dataset
    if _operations(dataset) & _PYTHON_OPS:
        raise InputError(
            "data_service: palette and other masks that are not 8- or 16-bit grey PNG are decoded "
            "in Python, which workers do not run; save them as grey PNG, or use cache=disk:FOLDER."
        )
    service = tf.data.experimental.service
    return dataset.apply(
        service.distribute(processing_mode=service.ShardingPolicy.DYNAMIC, service=address)
    )


def _operations(dataset: tf.data.Dataset) -> set[str]:
    """Kinds of operations in a data set's graph, functions included."""
    graph: Any = tf.compat.v1.GraphDef.FromString(
        dataset._as_serialized_graph(
            external_state_policy=tf.data.experimental.ExternalStatePolicy.IGNORE
        ).numpy()
    )
    inside = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *inside]}


def start_server(port: int = 0, join: str = "", host: str = "localhost") -> tuple[str, list[Any]]:
    """Starts a worker, and the dispatcher too unless there is one to join.

    Args:
        port: of the dispatcher, or of the worker that joins one; 0 for any that is free.
        join: address of a dispatcher.
        host: name or number by which other machines reach this one.

    Returns:
        The dispatcher's address and the servers; they run until they are no longer referred to.

    Raises:
        InputError: not an address, or it cannot be used.
    """
    service = tf.data.experimental.service
    servers: list[Any] = []
    try:
        if not join:
            servers.append(service.DispatchServer(service.DispatcherConfig(port=port)))
            port, address = 0, f"{host}:{servers[0].target.rpartition(':')[2]}"
        else:
            address = check_address(join).removeprefix("grpc://")
        config = service.WorkerConfig(
            dispatcher_address=address, worker_address=f"{host}:%port%", port=port
        )
        servers.append(service.WorkerServer(config))
    except tf.errors.OpError as error:
        raise InputError(f"data service: {error.message}") from error
    return f"grpc://{address}", servers
