"""Masks and outlines that do not match the boxes of their objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.data.checking.sample_defect import Fault
from training.data.checking.sample_reading import Reading

_ALIKE = 0.5
_ROUNDING = 4.0
_FIFTHS = 5


def mask_faults(reading: Reading, relative: bool) -> Iterator[Fault]:
    """Objects whose mask is empty, or covers another part of the image than their box does.

    Crowds are passed over, and so are all objects of an image where none has a mask.

    Args:
        reading: with `boxes` and `labels`.
        relative: outlines in the record are fractions of the image's sides.
    """
    sample = reading.sample
    present = sample["labels"] >= 0
    if "crowd" in sample:
        present = present & ~sample["crowd"]
    stated = _stated_extents(reading, relative)
    for row in np.flatnonzero(present):
        if int(row) in stated:
            yield from _compared(int(row), sample["boxes"][row], stated[int(row)])
    if "masks" not in sample:
        return
    filled = np.asarray((sample["masks"] > 0).any((1, 2)))
    for row in np.flatnonzero(present & filled.any()):
        if not filled[row]:
            if not _is_thin(sample["boxes"][row]):
                yield Fault(
                    f"object {row + 1}",
                    "no pixel of its mask is in its box",
                    "draw the mask again, or correct the box",
                )
        elif int(row) not in stated:
            extent = _extent_of_mask(sample["masks"][row] > 0, sample["boxes"][row])
            yield from _compared(int(row), sample["boxes"][row], extent)


def _compared(row: int, box: np.ndarray, extent: np.ndarray) -> Iterator[Fault]:
    """A fault if the box and the extent of the mask, both xyxy, are of different objects."""
    box = box.astype(np.float64)
    if np.abs(box - extent).max() <= _ROUNDING:
        return
    common = np.minimum(box[2:], extent[2:]) - np.maximum(box[:2], extent[:2])
    shared = np.prod(np.maximum(common, 0))
    union = np.prod(box[2:] - box[:2]) + np.prod(extent[2:] - extent[:2]) - shared
    if shared < _ALIKE * union:
        words = ["[" + " ".join(f"{v:.6g}" for v in corners) + "]" for corners in (box, extent)]
        yield Fault(
            f"object {row + 1}",
            f"its box {words[0]} does not match its mask, which reaches over {words[1]}",
            "check that both are of one object",
        )


def _stated_extents(reading: Reading, relative: bool) -> dict[int, np.ndarray]:
    """xyxy extents in pixels of the outlines that the record itself holds, by object."""
    record = reading.record
    corners: list[tuple[int, np.ndarray]] = []
    if "polygon_owners" in record:
        points = record["polygons"].numpy().astype(np.float64)
        points = points * [reading.width, reading.height] if relative else points / _FIFTHS
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
    """xyxy of what runs of 0, 1, 0, … down the columns of an image fill; None for nothing."""
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
    """xyxy in pixels of what a mask fills of the frame of its box."""
    sides = (box[2:] - box[:2]).astype(np.float64)
    extent = np.zeros(4)
    for axis in (0, 1):
        places = np.flatnonzero(mask.any(axis))
        shares = np.array([places[0], places[-1] + 1]) / mask.shape[1 - axis]
        extent[axis::2] = box[axis] + sides[axis] * shares
    return extent


def _is_thin(box: np.ndarray) -> bool:
    """So thin that its mask may fall between the cells."""
    return bool((box[2:] - box[:2]).min() < _ROUNDING)
