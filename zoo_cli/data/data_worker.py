"""`zoo data-worker`: makes training batches for runs on other machines."""

from __future__ import annotations

import threading
from argparse import Namespace

from training.data.data_service import start_server
from zoo.console import log
from zoo.errors import InputError


def run_data_worker(options: Namespace) -> None:
    """Serves until it is interrupted; prints its address on the first line."""
    if not 0 <= options.port < 2**16:
        raise InputError(f"--port must be from 0 to 65535, not {options.port}.")
    address, servers = start_server(options.port, options.join or "", options.host)
    print(address, flush=True)
    if not options.join:
        log(f"train with --data-service {address}; more workers: zoo data-worker --join {address}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        log("stopped")
    finally:
        del servers
