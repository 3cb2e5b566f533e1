"""`zoo data-worker`: makes training batches for runs on other machines."""

from __future__ import annotations

import threading
from argparse import Namespace

from training.data.service import start_server
from zoo.console import log


def run_data_worker(options: Namespace) -> None:
    """Serves until it is interrupted; the first line on standard output is the address."""
    if not 0 <= options.port < 2**16:
        from zoo.errors import InputError

        raise InputError(f"--port {options.port}: expected a number from 0 to 65535.")
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
