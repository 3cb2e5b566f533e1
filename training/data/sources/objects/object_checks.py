"""Checks that hold for the objects of every format, made once for all of a split."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.image_headers import MAX_PIXELS
from zoo.errors import InputError
from zoo.files.file_names import shown

SLACK = 1.0
"""Pixels by which a box may reach out of its image, as rounding does."""

FAR = 1_000_000.0
"""No image that is read has a point farther away than this."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong with an object, or with an image where `index` is −1.

    Attributes:
        image: its position in the split.
        index: of the object in the image.
        problem, remedy: as in a `Defect`.
        lost: it cannot be a target; otherwise what is wrong was put right.
    """

    image: int
    index: int
    problem: str
    remedy: str
    lost: bool


def check_objects(images: list[AnnotatedImage], relative: bool) -> Iterator[Finding]:
    """Everything wrong with the boxes and joints of a split.

    Args:
        images: the split.
        relative: coordinates are fractions of the image's sides.

    Raises:
        InputError: all boxes are fractions where pixels are expected, or the other way round.
    """
    for place, image in enumerate(images):
        if image.width * image.height > MAX_PIXELS:
            size = f"{image.width}×{image.height}"
            yield Finding(
                *(place, -1, f"its size is said to be {size} pixels"),
                *(f"at most {MAX_PIXELS} pixels are read; correct the size", True),
            )
    counts = [len(image.objects) for image in images]
    owner = np.repeat(np.arange(len(images)), counts)
    first = np.cumsum(counts) - counts
    boxes = boxes_of(images)
    sizes = np.array([(p.width, p.height) for p in images], np.float64).reshape(-1, 2)[owner]
    _check_unit(images, boxes, relative)
    for number in np.flatnonzero(_suspicious(boxes, sizes, relative)):
        place = int(owner[number])
        found = _fault(boxes[number], sizes[number], relative)
        if found:
            yield Finding(place, int(number - first[place]), *found)
    yield from _check_polygons(images)
    if not relative:
        yield from _check_joints(images)


def boxes_of(images: list[AnnotatedImage]) -> np.ndarray:
    """(N, 4) float64 boxes of all objects of all images."""
    boxes = [tuple(item.box) for image in images for item in image.objects]
    return np.array(boxes, np.float64).reshape(-1, 4)


def kept(boxes: np.ndarray) -> np.ndarray:
    """Coordinates as they are kept, float32; beyond ±FAR there is no image, and float32 ends."""
    return np.clip(boxes, -FAR, FAR).astype(np.float32)


def _suspicious(boxes: np.ndarray, sizes: np.ndarray, relative: bool) -> np.ndarray:
    """Which boxes need a closer look."""
    limit = np.ones_like(sizes) if relative else np.where(sizes > 0, sizes, FAR)
    slack = 0.0 if relative else SLACK
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(boxes).all(axis=1)
        sound &= (kept(boxes[:, 2:]) > kept(boxes[:, :2])).all(axis=1)
        sound &= (boxes[:, :2] >= -slack).all(axis=1)
        sound &= (boxes[:, 2:] <= limit + slack).all(axis=1)
        if not relative:
            sound &= boxes[:, 2:].max(axis=1, initial=-np.inf) > 1
    return ~sound


def _fault(box: np.ndarray, size: np.ndarray, relative: bool) -> tuple[str, str, bool] | None:
    """Problem, remedy and whether the object is lost."""
    words = "[" + " ".join(f"{value:.10g}" for value in box) + "]"
    if not np.isfinite(box).all():
        return f"box {words} is not finite", "give four numbers", True
    low, high = box[:2], box[2:]
    if (high < low).any():
        return (
            f"box {words} has its corners swapped",
            "put the top left corner first, then the bottom right one",
            True,
        )
    # Coordinates are kept as float32; far beyond the image is another fault.
    if (np.abs(box) < FAR).all() and (kept(high) == kept(low)).any():
        return f"box {words} has no area", "draw it again or remove it", True
    if not relative and (box >= 0).all() and (box <= 1).all():
        return (
            f"box {words} lies within 0…1, fractions where pixels are expected",
            "multiply by the image's width and height",
            True,
        )
    known = relative or size.all()
    limit = np.ones(2) if relative else np.where(size > 0, size, FAR)
    unit = "0…1" if relative else f"{size[0]:.0f}×{size[1]:.0f}"
    where = f"the image ({unit})" if known else "the image"
    if (low >= limit).any() or (high <= 0).any():
        return f"box {words} lies outside {where}", "correct or remove it", True
    slack = 1e-4 if relative else SLACK
    if (low < -slack).any() or (high > limit + slack).any():
        return f"box {words} reaches out of {where}", "cut it at the image's edge", False
    return None


def _check_unit(images: list[AnnotatedImage], boxes: np.ndarray, relative: bool) -> None:
    """Raises InputError where every box is in the other unit."""
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes = boxes[usable]
    if len(boxes) == 0:
        return
    file = next(shown(p.labels) for p in images if p.objects)
    if relative and (boxes.max(axis=1) > 2).all():
        raise InputError(
            f"{file}: every box reaches far beyond 1, so these are pixels where fractions of the "
            "image are expected; divide by its width and height."
        )
    if not relative and (boxes <= 1).all() and (boxes >= 0).all():
        raise InputError(
            f"{file}: every box lies within 0…1, so these are fractions of the image where "
            "pixels are expected; multiply by its width and height."
        )


def _check_joints(images: list[AnnotatedImage]) -> Iterator[Finding]:
    """Joints that are marked but lie nowhere in the image; they become absent."""
    posed = [
        (place, index)
        for place, image in enumerate(images)
        for index, item in enumerate(image.objects)
        if len(item.keypoints)
    ]
    if not posed:
        return
    joints = np.array([images[p].objects[i].keypoints for p, i in posed], np.float64)
    joints = joints.reshape(len(posed), -1, 3)
    limit = np.array([(images[p].width or np.inf, images[p].height or np.inf) for p, _ in posed])
    inside = (joints[..., :2] >= -SLACK).all(axis=2)
    inside &= (joints[..., :2] <= limit[:, None] + SLACK).all(axis=2)
    known = np.isin(joints[..., 2], (0, 1, 2))
    wrong = ~known | (~inside & (joints[..., 2] != 0))
    for row in np.flatnonzero(wrong.any(axis=1)):
        place, index = posed[row]
        numbers = np.flatnonzero(wrong[row])
        x, y, seen = joints[row, numbers[0]]
        visibility = "" if known[row, numbers[0]] else f" with visibility {seen:.10g}"
        more = f" and {numbers.size - 1} more" if numbers.size > 1 else ""
        kept = np.where((inside & known)[row, :, None], joints[row], 0.0)
        images[place].objects[index].keypoints = kept.ravel().tolist()
        yield Finding(
            place,
            index,
            f"joint {numbers[0]} at ({x:.10g}, {y:.10g}){visibility}{more} is not in the image",
            "give places in the image and visibility 0, 1 or 2",
            False,
        )


def _check_polygons(images: list[AnnotatedImage]) -> Iterator[Finding]:
    """Outlines that are none: too few points, or points that are nowhere near an image."""
    for place, image in enumerate(images):
        for index, item in enumerate(image.objects):
            if not item.polygons:
                continue
            kept = [polygon for polygon in item.polygons if _is_outline(polygon)]
            if len(kept) == len(item.polygons):
                continue
            bad = next(polygon for polygon in item.polygons if not _is_outline(polygon))
            words = " ".join(f"{value:.10g}" for value in bad[:6]) + (" …" if len(bad) > 6 else "")
            item.polygons = kept
            yield Finding(
                place,
                index,
                f"polygon [{words}] is no outline",
                "give three or more points x, y, finite and in or near the image",
                not kept and not len(item.runs),
            )


def _is_outline(polygon: Sequence[float]) -> bool:
    count = len(polygon)
    finite = math.isfinite(sum(polygon))
    return count >= 6 and count % 2 == 0 and finite and max(map(abs, polygon)) <= FAR
