"""Checks that masks and polygons match the boxes of their objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.data.checking.sample_loading import LoadedSample
from training.data.sources.reading.defects import Defect
from training.drawing import has_outline

_MIN_IOU = 0.5
_ROUNDING = 4.0
_FIFTHS = 5


def mask_defects(loaded: LoadedSample, relative: bool) -> Iterator[Defect]:
    """Yields objects whose mask is empty, or elsewhere in the image than their box.

    Crowds are ignored, and objects without outline. Polygons in the record are fractions of the
    image's sides if `relative`.
    """
    sample = loaded.sample
    present = sample["labels"] >= 0
    if "crowd" in sample:
        present = present & ~sample["crowd"]
    stated = _stated_extents(loaded, relative)
    elsewhere = set()
    for row in np.flatnonzero(present):
        if int(row) in stated:
            for defect in _compare(int(row), sample["boxes"][row], stated[int(row)]):
                elsewhere.add(int(row))
                yield defect
    if "masks" not in sample:
        return
    filled = np.asarray((sample["masks"] > 0).any((1, 2)))
    for row in np.flatnonzero(present & has_outline(sample["masks"])):
        if not filled[row]:
            if int(row) not in elsewhere and not _is_thin(sample["boxes"][row]):
                yield Defect(
                    "its mask is empty inside its box",
                    "correct the mask or the box",
                    f"object {row + 1}",
                )
        elif int(row) not in stated:
            extent = _extent_of_mask(sample["masks"][row] > 0, sample["boxes"][row])
            yield from _compare(int(row), sample["boxes"][row], extent)


def outlined(loaded: LoadedSample) -> np.ndarray:
    """Returns which objects (N,) of a sample of a data set with masks have an outline."""
    if "masks" in loaded.sample:
        return has_outline(loaded.sample["masks"])
    record = loaded.record
    found = np.zeros(len(loaded.sample["labels"]), bool)
    for key in ("polygon_owners", "run_owners"):
        if key in record:
            found[record[key].numpy()] = True
    return found | (record["instance_ids"].numpy() > 0) if "instance_ids" in record else found


def _compare(row: int, box: np.ndarray, extent: np.ndarray) -> Iterator[Defect]:
    """Yields a defect if the IoU of the box and the extent of the mask, both xyxy, is low."""
    box = box.astype(np.float64)
    if np.abs(box - extent).max() <= _ROUNDING:
        return
    common = np.minimum(box[2:], extent[2:]) - np.maximum(box[:2], extent[:2])
    shared = np.prod(np.maximum(common, 0))
    union = np.prod(box[2:] - box[:2]) + np.prod(extent[2:] - extent[:2]) - shared
    if shared < _MIN_IOU * union:
        words = ["[" + " ".join(f"{v:.6g}" for v in corners) + "]" for corners in (box, extent)]
        yield Defect(
            f"its box {words[0]} does not match the extent of its mask {words[1]}",
            "check that both belong to one object",
            f"object {row + 1}",
        )


def _stated_extents(loaded: LoadedSample, relative: bool) -> dict[int, np.ndarray]:
    """Returns the xyxy extents in pixels of the polygons and RLEs of the record, by object."""
    record = loaded.record
    corners: list[tuple[int, np.ndarray]] = []
    if "polygon_owners" in record:
        points = record["polygons"].numpy().astype(np.float64)
        points = points * [loaded.width, loaded.height] if relative else points / _FIFTHS
        ends = np.cumsum(record["polygon_sizes"].numpy())[:-1]
        owners = record["polygon_owners"].numpy().tolist()
        parts = np.split(points, ends)
        corners += [
            (owner, np.concatenate([part.min(0), part.max(0)]))
            for owner, part in zip(owners, parts, strict=False)
            if len(part)
        ]
    if "run_owners" in record:
        ends = np.cumsum(record["run_sizes"].numpy())[:-1]
        owners = record["run_owners"].numpy().tolist()
        height = int(record["size"][1])
        for owner, runs in zip(owners, np.split(record["runs"].numpy(), ends), strict=False):
            extent = _extent_of_runs(runs.astype(np.int64), height)
            if extent is not None:
                corners.append((owner, extent))
    extents: dict[int, np.ndarray] = {}
    for owner, corner in corners:
        low, high = np.split(extents.get(owner, corner), 2)
        extents[owner] = np.concatenate([np.minimum(low, corner[:2]), np.maximum(high, corner[2:])])
    return extents


def _extent_of_runs(runs: np.ndarray, height: int) -> np.ndarray | None:
    """Returns the xyxy extent of a column-major run-length encoding; None if it is empty."""
    stops = np.cumsum(runs)
    starts, stops = (stops - runs)[1::2], stops[1::2]
    starts, stops = starts[stops > starts], stops[stops > starts]
    if not len(starts) or not height:
        return None
    first, last = starts // height, (stops - 1) // height
    across = (last > first).any()
    top = 0 if across else (starts % height).min()
    bottom = height if across else ((stops - 1) % height).max() + 1
    return np.array([first.min(), top, last.max() + 1, bottom], np.float64)


def _extent_of_mask(mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Returns the xyxy extent in pixels of a mask relative to its box."""
    sides = (box[2:] - box[:2]).astype(np.float64)
    extent = np.zeros(4)
    for axis in (0, 1):
        filled = np.flatnonzero(mask.any(axis))
        fractions = np.array([filled[0], filled[-1] + 1]) / mask.shape[1 - axis]
        extent[axis::2] = box[axis] + sides[axis] * fractions
    return extent


def _is_thin(box: np.ndarray) -> bool:
    """Returns whether a box is so thin that its mask may fall between the cells."""
    return bool((box[2:] - box[:2]).min() < _ROUNDING)
