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
    # getrusage of Linux includes the memory of the parent before exec.
    peak = _linux_value("/proc/self/status", "VmHWM:")
    if peak:
        return 1024 * int(peak.split()[0])
    try:
        import resource
    except ImportError:
        return None
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else 1024 * usage


def available_memory() -> int | None:
    """Returns the available memory in bytes; None where unknown."""
    available = _linux_value("/proc/meminfo", "MemAvailable:")
    return 1024 * int(available.split()[0]) if available else None


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
        "processor": _linux_value("/proc/cpuinfo", "model name")
        or platform.processor()
        or "unknown processor",
        "cores": os.cpu_count(),
        "memory": _memory(),
        "accelerators": [d.get("device_name", g.name) for d, g in zip(details, gpus, strict=True)],
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "visionzoo": zoo.__version__,
    }


def _linux_value(path: str, key: str) -> str:
    """Returns the first value of a key in a file of /proc; empty where there is none."""
    lines = Path(path).read_text().splitlines() if Path(path).is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
