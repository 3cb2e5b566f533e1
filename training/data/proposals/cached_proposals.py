"""The interface of proposers, and a cache of their proposals on disk."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from zoo.files.atomic_writes import replacing


class Proposer(Protocol):
    """Source of the proposals of images."""

    @property
    def name(self) -> str:
        """Name of the settings; equal names imply equal boxes."""

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Sets the file name of an image, before the proposals of the image are computed."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Returns (P, 4) float32 xyxy in pixels of an image (H, W, C) uint8, best first."""


class CachedProposals:
    """A proposer with a cache, one file per image and settings.

    Images are identified by their pixels, so that a data set may be moved or renamed.

    Args:
        proposer: proposer of images that are not cached.
        folder: folder of the cache; default `proposals` in `ZOO_DATA_DIR` or else in the user's
            cache folder.
    """

    def __init__(self, proposer: Proposer, folder: str | os.PathLike[str] | None = None):
        self.proposer = proposer
        self.folder = Path(folder or default_folder()) / proposer.name
        self.writing = threading.Lock()

    @property
    def name(self) -> str:
        return self.proposer.name

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        self.proposer.set_image_name(name, image)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        path = self.path(image)
        boxes = _read(path)
        if boxes is None:
            boxes = self.proposer(image)
            # Two threads with the same image would use the same temporary file.
            with self.writing, replacing(path) as temporary:
                np.save(temporary, boxes)
        return boxes

    def path(self, image: np.ndarray) -> Path:
        """Returns the path of an image's cached boxes."""
        key = image_key(image)
        return self.folder / key[:2] / f"{key}.npy"


def image_key(image: np.ndarray) -> str:
    """Returns a digest of the shape and the pixels of an image."""
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image, np.uint8).tobytes())
    return digest.hexdigest()


def default_folder() -> Path:
    """Returns the default folder of the cache."""
    home = os.environ.get("ZOO_DATA_DIR") or Path.home() / ".cache" / "visionzoo"
    return Path(home) / "proposals"


def _read(path: Path) -> np.ndarray | None:
    """Returns cached boxes; None if they are missing or unreadable."""
    try:
        boxes = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return boxes if boxes.ndim == 2 and boxes.shape[1] == 4 else None
