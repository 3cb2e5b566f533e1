"""Proposals on disk, so that each image is searched once for each setting."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from zoo.files.atomic_writes import replacing


class Proposer(Protocol):
    """Where boxes that may hold something come from."""

    @property
    def name(self) -> str:
        """The setting in one word: equal names give equal boxes."""

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Told of every image of a data set, by the name of its file, before it is asked."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(P, 4) float32 xyxy in pixels of an image (H, W, C) uint8, best first."""


class CachedProposals:
    """A proposer whose answers are kept, one file per image and setting.

    Images are told apart by their pixels, so a data set may move or change its names.

    Args:
        proposer: asked where nothing is stored.
        folder: default `proposals` in the cache folder of the user's, or in `ZOO_DATA_DIR`.
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
            # Two threads may have the same image, and the temporary file has one name.
            with self.writing, replacing(path) as temporary:
                np.save(temporary, boxes)
        return boxes

    def path(self, image: np.ndarray) -> Path:
        """Where an image's boxes are stored."""
        key = image_key(image)
        return self.folder / key[:2] / f"{key}.npy"


def image_key(image: np.ndarray) -> str:
    """A word that two images share only if their pixels are the same."""
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image, np.uint8).tobytes())
    return digest.hexdigest()


def default_folder() -> Path:
    """The folder of stored proposals."""
    home = os.environ.get("ZOO_DATA_DIR") or Path.home() / ".cache" / "visionzoo"
    return Path(home) / "proposals"


def _read(path: Path) -> np.ndarray | None:
    """What is stored; None where there is nothing, or nothing that can be read."""
    try:
        boxes = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return boxes if boxes.ndim == 2 and boxes.shape[1] == 4 else None
