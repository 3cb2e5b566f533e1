"""What is wrong with one sample that only its pixels, or all its labels together, show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.data.checking.mask_checks import mask_faults
from training.data.checking.sample_defect import Fault
from training.data.checking.sample_reading import Reading
from training.data.sources.source import Source
from zoo.tasks.sample_schema import IGNORE

SLACK = 1.0
"""Pixels by which a box or a joint may be outside its image, as rounding does."""


def faults(reading: Reading, source: Source) -> Iterator[Fault]:
    """Everything wrong with a record that was read."""
    sample = reading.sample
    size = np.array([reading.width, reading.height], np.float64)
    if "labels" in sample:
        yield from _lost_objects(reading)
        yield from _out_of_range("labels", sample["labels"], source)
    if "label" in sample:
        yield from _out_of_range("label", sample["label"][None], source)
    if "segmentation" in sample:
        yield from _map_classes(sample["segmentation"], source)
    if "boxes" in sample:
        there = np.flatnonzero(sample["labels"] >= 0) if "labels" in sample else None
        for row in range(len(sample["boxes"])) if there is None else there:
            yield from _box(f"object {row + 1}", sample["boxes"][row], size)
    # A box of zeros is the reader's word for no object, which it gave its reasons for.
    if "box" in sample and int(sample.get("label", np.int32(0))) >= 0 and sample["box"].any():
        yield from _box("the one object", sample["box"], size)
    if "boxes" in sample and "labels" in sample:
        yield from mask_faults(reading, getattr(source, "relative", False))
    if "keypoints" in sample:
        yield from _joints(sample, size, source)


def _lost_objects(reading: Reading) -> Iterator[Fault]:
    """Objects that had a label in the record and have none in the sample."""
    before = reading.record.get("labels")
    after = reading.sample["labels"]
    if before is None or before.shape.rank != 1 or len(before) != len(after):
        return
    for row in np.flatnonzero((before.numpy() >= 0) & (after < 0)):
        yield Fault(
            f"object {row + 1}",
            f"nothing of its box is within the image ({reading.width}×{reading.height})",
            "check that the labels are of this image",
        )


def _out_of_range(key: str, values: np.ndarray, source: Source) -> Iterator[Fault]:
    names = source.names_for(key)
    wrong = np.flatnonzero((values < -1) | ((values >= len(names)) if names else False))
    for row in wrong:
        yield Fault(
            f"object {row + 1}" if key == "labels" else "",
            f"class {values[row]} does not exist",
            f"classes go from 0 to {len(names) - 1}" if names else "classes are counted from 0",
        )


def _map_classes(segmentation: np.ndarray, source: Source) -> Iterator[Fault]:
    count = source.num_classes
    wrong = (segmentation < 0) | ((segmentation >= count) & (segmentation != IGNORE))
    if count and wrong.any():
        values = ", ".join(map(str, np.unique(segmentation[wrong])[:5]))
        yield Fault(
            "class map",
            f"class {values} in {int(wrong.sum())} pixels does not exist",
            f"classes go from 0 to {count - 1}, and {IGNORE} is ignored",
        )


def _box(record: str, box: np.ndarray, size: np.ndarray) -> Iterator[Fault]:
    words = "[" + " ".join(f"{value:.6g}" for value in box) + "]"
    if not np.isfinite(box).all():
        yield Fault(record, f"box {words} is not finite", "give four numbers")
    elif box[2] <= box[0] or box[3] <= box[1]:
        yield Fault(record, f"box {words} has no area", "draw it again or remove it")
    elif size.all() and ((box[:2] < -SLACK).any() or (box[2:] > size + SLACK).any()):
        shown = f"{size[0]:.0f}×{size[1]:.0f}"
        yield Fault(record, f"box {words} reaches out of the image ({shown})", "cut it at the edge")


def _joints(sample: dict[str, np.ndarray], size: np.ndarray, source: Source) -> Iterator[Fault]:
    keypoints = sample["keypoints"]
    people = keypoints[None] if keypoints.ndim == 2 else keypoints
    for row, joints in enumerate(people):
        if keypoints.ndim == 3 and "labels" in sample and sample["labels"][row] < 0:
            continue
        record = f"object {row + 1}" if keypoints.ndim == 3 else ""
        seen = joints[:, 2] != 0
        if not np.isin(joints[:, 2], (0, 1, 2)).all():
            yield Fault(
                record,
                f"joint {_first(joints[:, 2], (0, 1, 2))} has another visibility than 0, 1 or 2",
                "0 is absent, 1 hidden, 2 visible",
            )
        inside = (joints[:, :2] >= -SLACK).all(-1)
        if size.all():
            inside &= (joints[:, :2] <= size + SLACK).all(-1)
        for number in np.flatnonzero(seen & ~inside)[:3]:
            names = source.joint_names
            name = names[number] if number < len(names) else f"joint {number}"
            x, y, _ = joints[number]
            yield Fault(
                record,
                f"{name} at ({x:.6g}, {y:.6g}) is not in the image ({size[0]:.0f}×{size[1]:.0f})",
                "correct it or give it visibility 0",
            )


def _first(values: np.ndarray, known: tuple[int, ...]) -> int:
    return int(np.flatnonzero(~np.isin(values, known))[0])
