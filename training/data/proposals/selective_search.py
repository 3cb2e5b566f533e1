"""Selective Search with OpenCV (extra `proposals`): boxes of hierarchically merged regions.

Uijlings et al., *Selective Search for Object Recognition*, IJCV 104, 2013.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import InputError, nearest

MODES = ("fast", "quality", "single")


@dataclasses.dataclass(frozen=True)
class SelectiveSearch:
    """Proposals of Selective Search.

    The segmentation scales are OpenCV's, not the paper's: k 150, 300 and 450 in `"fast"`, 150 to
    750 in steps of 150 in `"quality"`, and 200 in one color space in `"single"`. The search runs
    in separate processes, so that threads can process several images at a time and the seed alone
    determines the random part of the ranks.

    Attributes:
        mode: `"fast"`, `"quality"` or `"single"`.
        width: width in pixels to which images are resized (500 in R-CNN); 0 for the original size.
        min_side: smallest side of a box in pixels of the resized image.
        seed: seed of the ranks.

    Raises:
        InputError: if a value is out of range, or OpenCV with Selective Search is not installed.
    """

    mode: str = "fast"
    width: int = 500
    min_side: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(
                f"selective_search: unknown mode {self.mode!r}{nearest(self.mode, MODES)} "
                f"Available: {', '.join(MODES)}."
            )
        for field in ("width", "min_side", "seed"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise InputError(
                    f"selective_search: {field} must be a whole number from 0, not {value!r}."
                )
        opencv_version()

    @property
    def name(self) -> str:
        return (
            f"selective_search-{self.mode}-w{self.width}-m{self.min_side}-s{self.seed}"
            f"-cv{opencv_version()}"
        )

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Has no effect; proposals depend on the pixels alone."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Returns (P, 4) float32 unique xyxy of an image (H, W, 1 or 3), best first."""
        with POOL.worker() as process:
            return _search(process, image, dataclasses.asdict(self))


class Pool:
    """Search processes, started on demand and reused until Python exits."""

    def __init__(self) -> None:
        self.idle: queue.SimpleQueue[subprocess.Popen] = queue.SimpleQueue()
        self.all: list[subprocess.Popen] = []
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen]:
        """Provides an idle or a new process for the `with` block."""
        try:
            process = self.idle.get_nowait()
        except queue.Empty:
            process = self._start()
        yield process
        # After an error the process is in an unknown state and not reused.
        self.idle.put(process)

    def _start(self) -> subprocess.Popen:
        script = Path(__file__).with_name("selective_search_worker.py")
        process = subprocess.Popen(
            [sys.executable, "-P", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with self.lock:
            if not self.all:
                atexit.register(self.stop)
            self.all.append(process)
        return process

    def stop(self) -> None:
        """Stops the processes, which must be idle."""
        self.idle = queue.SimpleQueue()
        for process in self.all:
            assert process.stdin and process.stdout
            process.stdin.close()
            process.stdout.close()
            process.wait()
        self.all = []


POOL = Pool()


def _search(process: subprocess.Popen, image: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    assert process.stdin and process.stdout
    image = np.ascontiguousarray(image, np.uint8)
    request = json.dumps({**settings, "shape": image.shape})
    try:
        process.stdin.write(request.encode() + b"\n" + image.tobytes())
        process.stdin.flush()
        reply = json.loads(process.stdout.readline())
        boxes = np.frombuffer(process.stdout.read(16 * reply["count"]), np.float32)
    except (OSError, ValueError) as error:
        raise InputError(
            "Selective Search stopped unexpectedly; if memory is short, use a smaller width."
        ) from error
    if reply["error"]:
        raise InputError(f"Selective Search failed on an image of {image.shape}: {reply['error']}.")
    return boxes.reshape(-1, 4)


def opencv_version() -> str:
    """Returns the version of OpenCV, which must be installed with Selective Search."""
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            "Selective Search needs OpenCV contrib; pip install 'visionzoo[proposals]'."
        ) from error
    if not hasattr(cv2, "ximgproc"):
        raise InputError(
            "Selective Search needs OpenCV contrib instead of plain OpenCV; uninstall that, then "
            "pip install 'visionzoo[proposals]'."
        )
    return cv2.__version__
