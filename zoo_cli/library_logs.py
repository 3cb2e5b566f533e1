"""Hides the log lines of TensorFlow, XLA, LiteRT and TFDS: the one place that does."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from zoo.console import log
from zoo.errors import LabelWarning

_LOG_LINE = (
    rb"WARNING: All log messages before absl|"
    rb"[IWE]\d{4} \d\d:\d\d:|"  # absl: I0000 00:00:1795.336 port.cc:153] …
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IWE] |"  # TensorFlow: 2026-01-01 00:00:00.0: I …
    rb"To enable the following instructions:|"
    rb"INFO: (Created|Initialized) TensorFlow Lite|"
    rb"fully_quantize: "
)
_FILTER = f"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
for line in sys.stdin.buffer:
    if not re.match({_LOG_LINE!r}, line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def hide_library_logs() -> None:
    """Hides log lines but errors from now on, before TensorFlow's first import.

    TF_CPP_MIN_LOG_LEVEL below 3 in the environment shows them.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("TQDM_DISABLE", "1")
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    for name in ("tensorflow", "tf2onnx", "jax"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    _filter_native_lines()


@contextlib.contextmanager
def label_warnings_as_log() -> Iterator[None]:
    """Shows each warning of unused labels as a line of the log."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=LabelWarning)
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, LabelWarning):
                log(str(message))
            else:
                show_others(message, category, *where)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _filter_native_lines() -> None:
    """Filters what C++ writes to standard error, some of it before any setting applies.

    The filter is another process, so that the last line of one that aborts is not lost.
    """
    screen = os.dup(2)
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    line_filter = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert line_filter.stdin is not None
    sys.stderr.flush()
    os.dup2(line_filter.stdin.fileno(), 2)
    line_filter.stdin.close()
    sys.stderr = os.fdopen(screen, "w", buffering=1, errors="backslashreplace", closefd=False)

    def finish() -> None:
        os.dup2(screen, 2)
        try:
            line_filter.wait(timeout=1)
        except subprocess.TimeoutExpired:  # another process has kept the pipe
            line_filter.kill()

    atexit.register(finish)
