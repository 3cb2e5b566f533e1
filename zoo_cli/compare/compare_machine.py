"""Memory of a process, and the machine: the context of every latency and memory value."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import zoo


def peak_memory() -> int | None:
    """Returns the peak resident memory of this process in bytes; None where unknown."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage of Linux includes the memory of the parent before exec.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def available_memory() -> int | None:
    """Returns the available memory in bytes; None where unknown."""
    information = Path("/proc/meminfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def peak_accelerator_memory() -> int | None:
    """Returns the peak memory of this process on the first accelerator in bytes; None for none."""
    if keras.backend.backend() == "jax":
        import jax

        stats = jax.local_devices()[0].memory_stats() or {}
        return stats.get("peak_bytes_in_use")
    if keras.backend.backend() == "tensorflow" and tf.config.list_logical_devices("GPU"):
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    return None


def machine() -> dict[str, Any]:
    """Returns processor, cores, memory in bytes, accelerators and versions."""
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": _memory(),
        "accelerators": [d.get("device_name", g.name) for d, g in zip(details, gpus, strict=True)],
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "visionzoo": zoo.__version__,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
