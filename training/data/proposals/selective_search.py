"""Selective Search through OpenCV (extra `proposals`): boxes of regions merged step by step.

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
    """Proposals of an image, best first.

    OpenCV's own segmentation scales are used, which are not the paper's: k 150, 300 and 450 in
    `"fast"`, 150 to 750 in steps of 150 in `"quality"`, and 200 in one colour space in `"single"`.
    The search runs in processes beside this one, so that threads can search several images at a
    time and a seed decides the random part of the ranks, whatever else happens here.

    Attributes:
        mode: `"fast"`, `"quality"` or `"single"`.
        width: images are scaled to so many pixels across before (R-CNN: 500); 0 leaves them.
        min_side: boxes narrower or lower than this, in pixels of the scaled image, are left out.
        seed: of the ranks.

    Raises:
        InputError: an unknown mode, a number below 0, or no OpenCV with Selective Search.
    """

    mode: str = "fast"
    width: int = 500
    min_side: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(
                f"selective_search: there is no mode {self.mode!r}{nearest(self.mode, MODES)} "
                f"Modes: {', '.join(MODES)}."
            )
        for field in ("width", "min_side", "seed"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise InputError(
                    f"selective_search: {field} is a whole number from 0 on, not {value!r}."
                )
        opencv_version()

    @property
    def name(self) -> str:
        """The setting in one word: equal names give equal boxes."""
        return (
            f"selective_search-{self.mode}-w{self.width}-m{self.min_side}-s{self.seed}"
            f"-cv{opencv_version()}"
        )

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Nothing: the pixels are all that counts."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(P, 4) float32 xyxy in pixels of an image (H, W, 1 or 3) uint8, no two the same.

        Raises:
            InputError: the search failed.
        """
        with POOL.worker() as process:
            return _asked(process, image, dataclasses.asdict(self))


class Pool:
    """Search processes, started when they are needed and kept until Python ends."""

    def __init__(self) -> None:
        self.idle: queue.SimpleQueue[subprocess.Popen] = queue.SimpleQueue()
        self.all: list[subprocess.Popen] = []
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen]:
        """A process for the `with` block; as many at a time as threads ask."""
        try:
            process = self.idle.get_nowait()
        except queue.Empty:
            process = self._started()
        yield process
        # After an error it is in an unknown state and is left to end.
        self.idle.put(process)

    def _started(self) -> subprocess.Popen:
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
        """Ends the processes; none may be in use."""
        self.idle = queue.SimpleQueue()
        for process in self.all:
            assert process.stdin and process.stdout
            process.stdin.close()
            process.stdout.close()
            process.wait()
        self.all = []


POOL = Pool()


def _asked(process: subprocess.Popen, image: np.ndarray, setting: dict[str, Any]) -> np.ndarray:
    assert process.stdin and process.stdout
    image = np.ascontiguousarray(image, np.uint8)
    request = json.dumps({**setting, "shape": image.shape})
    try:
        process.stdin.write(request.encode() + b"\n" + image.tobytes())
        process.stdin.flush()
        reply = json.loads(process.stdout.readline())
        boxes = np.frombuffer(process.stdout.read(16 * reply["count"]), np.float32)
    except (OSError, ValueError) as error:
        raise InputError(
            "Selective Search ended without an answer; memory may have run out, in which case a "
            "smaller width helps."
        ) from error
    if reply["error"]:
        raise InputError(f"Selective Search failed on an image of {image.shape}: {reply['error']}")
    return boxes.reshape(-1, 4)


def opencv_version() -> str:
    """Of an OpenCV that has Selective Search.

    Raises:
        InputError: there is none.
    """
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            "Selective Search needs OpenCV contrib: pip install 'visionzoo[proposals]'."
        ) from error
    if not hasattr(cv2, "ximgproc"):
        raise InputError(
            "Selective Search needs OpenCV with its contrib modules, and a plain one is installed: "
            "pip uninstall it, then pip install 'visionzoo[proposals]'."
        )
    return cv2.__version__
