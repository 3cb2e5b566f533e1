"""Training batches from a tf.data service: a dispatcher and workers on other machines.

The dispatcher distributes batch indices to the workers; each worker makes its batches, and the
training process fetches them. Workers need this package's TensorFlow and the data set (and, with
`cache=disk:FOLDER`, the cache) under the same paths.

The batches are the same as without a service and each comes once, but in the order in which the
workers finish them, so a run is not reproducible to the bit. A resumed run starts with the batch
at which it stopped; batches that were fetched but not used are made again. The batches of a worker
that dies are lost for that epoch. A data set that can only be read sequentially (`tfds:` without a
disk cache, and `buckets`) is distributed by epoch, so that batches of as many epochs as there are
workers are interleaved.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from zoo.errors import InputError

_ADDRESS = re.compile(r"grpc://(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d{1,5}")
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_address(address: str) -> str:
    """Returns an empty string or the grpc://HOST:PORT of a dispatcher; else raises InputError."""
    if not isinstance(address, str) or (address and not _ADDRESS.fullmatch(address)):
        raise InputError(f"data_service must be grpc://HOST:PORT, not {address!r}.")
    return address


def distribute(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """Returns the data set computed by a service's workers, or itself without an `address`."""
    if not address:
        return dataset
    if _operations(dataset) & _PYTHON_OPS:
        raise InputError(
            "data_service: masks other than 8- or 16-bit grey PNG are decoded in Python, which "
            "workers do not run; save them as grey PNG, or use cache=disk:FOLDER."
        )
    service = tf.data.experimental.service
    return dataset.apply(
        service.distribute(processing_mode=service.ShardingPolicy.DYNAMIC, service=address)
    )


def _operations(dataset: tf.data.Dataset) -> set[str]:
    """Returns the kinds of operations in a data set's graph, functions included."""
    graph: Any = tf.compat.v1.GraphDef.FromString(
        dataset._as_serialized_graph(
            external_state_policy=tf.data.experimental.ExternalStatePolicy.IGNORE
        ).numpy()
    )
    inside = [node for function in graph.library.function for node in function.node_def]
    return {node.op for node in [*graph.node, *inside]}


def start_server(port: int = 0, join: str = "", host: str = "localhost") -> tuple[str, list[Any]]:
    """Starts a worker, and the dispatcher too unless there is an address to `join`.

    `port` is that of the dispatcher, or of a worker that joins one; 0 for any free port. `host`
    names this machine for the others. Returns the dispatcher's address and the servers, which run
    as long as they are referenced.
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
        raise InputError(f"data_service: {error.message.rstrip('.')}.") from error
    return f"grpc://{address}", servers
