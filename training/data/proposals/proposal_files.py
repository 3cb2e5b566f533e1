"""Proposals that somebody else made: one file per image.

The folder holds for each image `photo.jpg` one of

* `photo.npy`: an array (P, 4);
* `photo.npz`: arrays `boxes` (P, 4) and, if wanted, `scores` (P,);
* `photo.csv`: a line `x1,y1,x2,y2` or `x1,y1,x2,y2,score`, then a line a box;
* `photo.json`: `{"boxes": [[x1, y1, x2, y2], …], "scores": […]}`, scores if wanted.

Boxes are corners in pixels of the image, x to the right and y down from its upper left corner,
the last pixel's far side being the image's width or height. With scores the highest comes first,
else the order of the file says which box is best.
"""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path

import numpy as np

from training.data.proposals.cached_proposals import image_key
from zoo.errors import InputError

ENDINGS = (".npy", ".npz", ".csv", ".json")
_FORM = "x1,y1,x2,y2"


class ProposalFiles:
    """Boxes from a folder, cut to their images.

    Args:
        folder: see the module.

    Attributes:
        changed: boxes that reached beyond their image and were cut, and boxes that lay beside it
            altogether and were left out, of the images known so far.

    Raises:
        InputError: no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        if not os.fspath(folder) or not self.folder.is_dir():
            raise InputError(f"proposals: {folder or '(nothing)'}: no such folder.")
        self.known: dict[str, np.ndarray] = {}
        self.changed = [0, 0]
        self.lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"files-{self.folder}"

    @property
    def notes(self) -> list[str]:
        """What the user should be told about the boxes."""
        cut, left_out = self.changed
        notes = [f"{cut} boxes were cut at the border of their image"] if cut else []
        return notes + ([f"{left_out} boxes beside their image were left out"] if left_out else [])

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Reads the boxes of an image.

        Raises:
            InputError: no file for it, or a box that is none; the message names file and row.
        """
        key = image_key(image)
        if key in self.known:
            return
        path = self._path(name)
        boxes, cut, left_out = _within(read_boxes(path), image.shape[:2])
        with self.lock:
            self.known[key] = boxes
            self.changed = [self.changed[0] + cut, self.changed[1] + left_out]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        boxes = self.known.get(image_key(image))
        if boxes is None:
            raise InputError(
                f"proposals: {self.folder} is asked for an image of {image.shape[1]}x"
                f"{image.shape[0]} pixels whose file name is not known; files of proposals go "
                "with colour images of a data set or of `zoo predict`."
            )
        return boxes

    def _path(self, name: str) -> Path:
        stem = Path(name).stem
        for ending in ENDINGS:
            path = self.folder / f"{stem}{ending}"
            if path.is_file():
                return path
        raise InputError(
            f"proposals: {self.folder} has no file for {name}; there should be "
            f"{', '.join(stem + ending for ending in ENDINGS[:-1])} or {stem}{ENDINGS[-1]}."
        )


def read_boxes(path: Path) -> np.ndarray:
    """(P, 4) float64 xyxy of a file, best first.

    Raises:
        InputError: not readable, or a row is no box; the message names file and row.
    """
    try:
        boxes, scores = _READERS[path.suffix](path)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(
            f"{path}: not readable as proposals ({error}); boxes are {_FORM}, see the guide."
        ) from error
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"{path}: boxes are rows of {_FORM}, not an array of {boxes.shape}.")
    numbers = boxes if scores is None else np.concatenate([boxes, scores[:, None]], -1)
    bad = np.flatnonzero(~np.isfinite(numbers).all(-1))
    if len(bad):
        raise InputError(f"{path}: box {bad[0] + 1} has a number that is none: {numbers[bad[0]]}.")
    empty = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(-1))
    if len(empty):
        row = boxes[empty[0]].tolist()
        raise InputError(f"{path}: box {empty[0] + 1}, {row}, is no box; {_FORM} with x1 < x2.")
    return boxes if scores is None else boxes[np.argsort(-scores, kind="stable")]


def _within(boxes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """Boxes cut to an image (height, width); how many were cut, and how many lay beside it."""
    inside = np.clip(boxes, 0.0, [size[1], size[0]] * 2)
    there = (inside[:, 2:] > inside[:, :2]).all(-1)
    cut = int(((inside != boxes).any(-1) & there).sum())
    return inside[there].astype(np.float32), cut, int((~there).sum())


_Read = tuple[np.ndarray, np.ndarray | None]


def _npy(path: Path) -> _Read:
    return np.asarray(np.load(path), np.float64), None


def _npz(path: Path) -> _Read:
    with np.load(path) as file:
        return _pair(path, file["boxes"], file.get("scores"))


def _json(path: Path) -> _Read:
    data = json.loads(path.read_text())
    if not isinstance(data, dict) or "boxes" not in data:
        raise InputError(f'{path}: expected {{"boxes": [[x1, y1, x2, y2], …]}}.')
    return _pair(path, data["boxes"], data.get("scores"))


def _csv(path: Path) -> _Read:
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    heading = [word.strip() for word in rows[0]] if rows else []
    if heading not in (_FORM.split(","), [*_FORM.split(","), "score"]):
        raise InputError(f"{path}: the first line is {_FORM} or {_FORM},score, not {heading}.")
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(heading):
            raise InputError(f"{path}: box {number} has {len(row)} values, not {len(heading)}.")
    table = np.asarray(rows[1:], np.float64).reshape(-1, len(heading))
    return _pair(path, table[:, :4], table[:, 4] if len(heading) == 5 else None)


def _pair(path: Path, boxes, scores) -> _Read:
    boxes = np.asarray(boxes, np.float64)
    if scores is None:
        return boxes, None
    scores = np.asarray(scores, np.float64)
    if scores.shape != boxes.shape[:1]:
        raise InputError(f"{path}: {len(boxes)} boxes, but scores of shape {scores.shape}.")
    return boxes, scores


_READERS = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".json": _json}
