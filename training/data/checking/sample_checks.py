"""Checks of single samples that need the pixels or all labels together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.data.checking.mask_checks import mask_defects
from training.data.checking.sample_loading import LoadedSample
from training.data.sources.reading.defects import Defect
from training.data.sources.source import Source
from zoo.tasks.sample_schema import IGNORE

SLACK = 1.0
"""Pixels by which a box or a keypoint may be outside of its image due to rounding."""


def sample_defects(loaded: LoadedSample, source: Source) -> Iterator[Defect]:
    """Yields the defects of a sample, without file and split."""
    sample = loaded.sample
    size = np.array([loaded.width, loaded.height], np.float64)
    if "labels" in sample:
        yield from _lost_objects(loaded)
        yield from _out_of_range("labels", sample["labels"], source)
    if "label" in sample:
        yield from _out_of_range("label", sample["label"][None], source)
    if "segmentation" in sample:
        yield from _segmentation_classes(sample["segmentation"], source)
    if "boxes" in sample:
        present = sample["labels"] >= 0 if "labels" in sample else np.ones(len(sample["boxes"]))
        for row in np.flatnonzero(present):
            yield from _box(f"object {row + 1}", sample["boxes"][row], size)
    # A box of zeros means no object; the source has reported why.
    if "box" in sample and int(sample.get("label", np.int32(0))) >= 0 and sample["box"].any():
        yield from _box("the single object", sample["box"], size)
    if "boxes" in sample and "labels" in sample:
        yield from mask_defects(loaded, getattr(source, "relative", False))
    if "keypoints" in sample:
        yield from _keypoints(sample, size, source)


def _lost_objects(loaded: LoadedSample) -> Iterator[Defect]:
    """Yields objects that have a label in the record and none in the sample."""
    before = loaded.record.get("labels")
    after = loaded.sample["labels"]
    if before is None or before.shape.rank != 1 or len(before) != len(after):
        return
    for row in np.flatnonzero((before.numpy() >= 0) & (after < 0)):
        yield Defect(
            f"its box is outside of the image ({loaded.width}×{loaded.height})",
            "check that the labels are of this image",
            f"object {row + 1}",
        )


def _out_of_range(key: str, values: np.ndarray, source: Source) -> Iterator[Defect]:
    names = source.names_for(key)
    wrong = np.flatnonzero((values < -1) | ((values >= len(names)) if names else False))
    for row in wrong:
        yield Defect(
            f"class {values[row]} does not exist",
            f"use a class from 0 to {len(names) - 1}" if names else "use a class from 0",
            f"object {row + 1}" if key == "labels" else "",
        )


def _segmentation_classes(segmentation: np.ndarray, source: Source) -> Iterator[Defect]:
    count = source.num_classes
    if segmentation.size and (segmentation == IGNORE).all():
        yield Defect("every pixel is ignored", "label the image or remove it", "segmentation map")
    wrong = (segmentation < 0) | ((segmentation >= count) & (segmentation != IGNORE))
    if count and wrong.any():
        values = ", ".join(map(str, np.unique(segmentation[wrong])[:5]))
        yield Defect(
            f"class {values} in {int(wrong.sum())} pixels does not exist",
            f"use a class from 0 to {count - 1}, or {IGNORE} for ignored pixels",
            "segmentation map",
        )


def _box(record: str, box: np.ndarray, size: np.ndarray) -> Iterator[Defect]:
    words = "[" + " ".join(f"{value:.6g}" for value in box) + "]"
    if not np.isfinite(box).all():
        yield Defect(f"box {words} is not finite", "give four numbers", record)
    elif box[2] <= box[0] or box[3] <= box[1]:
        yield Defect(f"box {words} has no area", "correct or remove it", record)
    elif size.all() and ((box[:2] < -SLACK).any() or (box[2:] > size + SLACK).any()):
        shown = f"{size[0]:.0f}×{size[1]:.0f}"
        yield Defect(
            f"box {words} extends beyond the image ({shown})", "clip it to the image", record
        )


def _keypoints(sample: dict[str, np.ndarray], size: np.ndarray, source: Source) -> Iterator[Defect]:
    keypoints = sample["keypoints"]
    people = keypoints[None] if keypoints.ndim == 2 else keypoints
    for row, points in enumerate(people):
        if keypoints.ndim == 3 and "labels" in sample and sample["labels"][row] < 0:
            continue
        record = f"object {row + 1}" if keypoints.ndim == 3 else ""
        labeled = points[:, 2] != 0
        unknown = np.flatnonzero(~np.isin(points[:, 2], (0, 1, 2)))
        if len(unknown):
            yield Defect(
                f"the visibility of keypoint {unknown[0]} is not 0, 1 or 2",
                "use 0 for absent, 1 for hidden, 2 for visible",
                record,
            )
        inside = (points[:, :2] >= -SLACK).all(-1)
        if size.all():
            inside &= (points[:, :2] <= size + SLACK).all(-1)
        for number in np.flatnonzero(labeled & ~inside)[:3]:
            names = source.keypoint_names
            name = names[number] if number < len(names) else f"keypoint {number}"
            x, y, _ = points[number]
            shown = f"{size[0]:.0f}×{size[1]:.0f}"
            yield Defect(
                f"{name} at ({x:.6g}, {y:.6g}) is outside of the image ({shown})",
                "correct it or set its visibility to 0",
                record,
            )
