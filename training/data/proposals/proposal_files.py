"""Precomputed proposals, one file per image.

The folder holds for each image `photo.jpg` one of

* `photo.npy`: an array (P, 4);
* `photo.npz`: arrays `boxes` (P, 4) and, optionally, `scores` (P,);
* `photo.csv`: a header `x1,y1,x2,y2` or `x1,y1,x2,y2,score`, then one line per box;
* `photo.json`: `{"boxes": [[x1, y1, x2, y2], …], "scores": […]}`, scores optional.

Boxes are corners in pixels of the image, x to the right and y down from its upper left corner; the
far side of the last pixel is the image's width or height. Boxes are sorted by descending score;
without scores the file has the best box first.
"""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path

import numpy as np

from training.data.proposals.cached_proposals import image_key
from training.data.sources.reading.json_files import short
from zoo.errors import InputError

ENDINGS = (".npy", ".npz", ".csv", ".json")
_COLUMNS = "x1,y1,x2,y2"


class ProposalFiles:
    """Proposals from a folder, clipped to their images.

    Args:
        folder: folder of the files, see the module.

    Attributes:
        changed: number of clipped boxes, and of boxes outside of their image that were dropped, of
            the images so far.

    Raises:
        InputError: if there is no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        if not os.fspath(folder) or not self.folder.is_dir():
            raise InputError(f"proposals: {folder or '(nothing)'}: no such folder.")
        self.boxes: dict[str, np.ndarray] = {}
        self.changed = [0, 0]
        self.lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"files-{self.folder}"

    @property
    def notes(self) -> list[str]:
        """Clauses of the log line on proposals: clipped and dropped boxes."""
        clipped, dropped = self.changed
        notes = [f"{clipped} boxes were clipped to their image"] if clipped else []
        return notes + ([f"{dropped} boxes outside of their image were dropped"] if dropped else [])

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Reads the boxes of an image; an error names file and row."""
        key = image_key(image)
        if key in self.boxes:
            return
        path = self._path(name)
        boxes, clipped, dropped = _within(read_boxes(path), image.shape[:2])
        with self.lock:
            self.boxes[key] = boxes
            self.changed = [self.changed[0] + clipped, self.changed[1] + dropped]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        boxes = self.boxes.get(image_key(image))
        if boxes is None:
            raise InputError(
                f"proposals: {self.folder}: unknown file name of an image of {image.shape[1]}x"
                f"{image.shape[0]} pixels; use files: with color images of a data set or of "
                "`zoo predict`."
            )
        return boxes

    def _path(self, name: str) -> Path:
        stem = Path(name).stem
        for ending in ENDINGS:
            path = self.folder / f"{stem}{ending}"
            if path.is_file():
                return path
        raise InputError(
            f"proposals: {self.folder}: no file for {name}; add "
            f"{', '.join(stem + ending for ending in ENDINGS[:-1])} or {stem}{ENDINGS[-1]}."
        )


def read_boxes(path: Path) -> np.ndarray:
    """Returns (P, 4) float64 xyxy of a file, best first; an error names file and row."""
    try:
        boxes, scores = _READERS[path.suffix](path)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(
            f"{path}: not readable as proposals ({error}); write boxes as {_COLUMNS}."
        ) from error
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"{path}: boxes must be rows of {_COLUMNS}, not {boxes.shape}.")
    numbers = boxes if scores is None else np.concatenate([boxes, scores[:, None]], -1)
    bad = np.flatnonzero(~np.isfinite(numbers).all(-1))
    if len(bad):
        raise InputError(f"{path}: box {bad[0] + 1} must be finite, not {numbers[bad[0]]}.")
    empty = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(-1))
    if len(empty):
        row = boxes[empty[0]].tolist()
        raise InputError(f"{path}: box {empty[0] + 1} must be {_COLUMNS} with x1 < x2, not {row}.")
    return boxes if scores is None else boxes[np.argsort(-scores, kind="stable")]


def _within(boxes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """Clips boxes to an image (height, width); returns them, and how many changed or fell out."""
    inside = np.clip(boxes, 0.0, [size[1], size[0]] * 2)
    valid = (inside[:, 2:] > inside[:, :2]).all(-1)
    clipped = int(((inside != boxes).any(-1) & valid).sum())
    return inside[valid].astype(np.float32), clipped, int((~valid).sum())


_Read = tuple[np.ndarray, np.ndarray | None]


def _npy(path: Path) -> _Read:
    return np.asarray(np.load(path), np.float64), None


def _npz(path: Path) -> _Read:
    with np.load(path) as file:
        return _pair(path, file["boxes"], file.get("scores"))


def _json(path: Path) -> _Read:
    data = json.loads(path.read_text())
    if not isinstance(data, dict) or "boxes" not in data:
        right = '{"boxes": [[x1, y1, x2, y2], …]}'
        raise InputError(f"{path}: the content must be {right}, not {short(data)}.")
    return _pair(path, data["boxes"], data.get("scores"))


def _csv(path: Path) -> _Read:
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    heading = [word.strip() for word in rows[0]] if rows else []
    if heading not in (_COLUMNS.split(","), [*_COLUMNS.split(","), "score"]):
        raise InputError(
            f"{path}: the header must be {_COLUMNS} or {_COLUMNS},score, not {heading}."
        )
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(heading):
            raise InputError(
                f"{path}: box {number} must have {len(heading)} values, not {len(row)}."
            )
    table = np.asarray(rows[1:], np.float64).reshape(-1, len(heading))
    return _pair(path, table[:, :4], table[:, 4] if len(heading) == 5 else None)


def _pair(path: Path, boxes, scores) -> _Read:
    boxes = np.asarray(boxes, np.float64)
    if scores is None:
        return boxes, None
    scores = np.asarray(scores, np.float64)
    if scores.shape != boxes.shape[:1]:
        raise InputError(f"{path}: scores must have the shape ({len(boxes)},), not {scores.shape}.")
    return boxes, scores


_READERS = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".json": _json}
