"""Checks of boxes, polygons and keypoints, made once for all annotations of a split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_headers import MAX_PIXELS
from zoo.errors import InputError
from zoo.files.file_names import shown

SLACK = 1.0
"""Pixels by which rounding may move a box out of its image."""

MAX_COORDINATE = 1_000_000.0
"""Limit of coordinates, beyond the sides of any accepted image."""

Problem = tuple[int, int, str, str, str]
"""Indices of image and annotation, problem, remedy, and what to drop."""

Located = tuple[int, int, Defect]
"""Indices of image and annotation (−1 for the image itself), and the defect."""


def check_annotations(
    split: str, images: list[AnnotatedImage], relative: bool
) -> Iterator[Located]:
    """Yields every defect of the boxes, polygons and keypoints of a split.

    A defect with `drop="part"` has been repaired; the object or image of any other one cannot be a
    target. If `relative`, coordinates are fractions; boxes that are all in the other unit raise
    InputError.
    """
    checks = [_check_sizes(images), _check_boxes(images, relative), _check_polygons(images)]
    if not relative:
        checks.append(_check_keypoints(images))
    for check in checks:
        for image_index, index, problem, remedy, drop in check:
            image = images[image_index]
            name = image.name if index < 0 else image.annotation_name(index)
            file = shown(image.label_file)
            yield image_index, index, Defect(problem, remedy, name, file, split, drop)


def boxes_of(images: list[AnnotatedImage]) -> np.ndarray:
    """Returns the (N, 4) float64 boxes of all annotations of all images."""
    boxes = [tuple(item.box) for image in images for item in image.annotations]
    return np.array(boxes, np.float64).reshape(-1, 4)


def to_float32(boxes: np.ndarray) -> np.ndarray:
    """Converts coordinates to float32, clipped to ±`MAX_COORDINATE`."""
    return np.clip(boxes, -MAX_COORDINATE, MAX_COORDINATE).astype(np.float32)


def _check_sizes(images: list[AnnotatedImage]) -> Iterator[Problem]:
    for index, image in enumerate(images):
        if image.width * image.height > MAX_PIXELS:
            problem = (
                f"stated size {image.width}×{image.height} exceeds the limit of {MAX_PIXELS} pixels"
            )
            yield index, -1, problem, "correct the size", "image"


def _check_boxes(images: list[AnnotatedImage], relative: bool) -> Iterator[Problem]:
    counts = [len(image.annotations) for image in images]
    owner = np.repeat(np.arange(len(images)), counts)
    first = np.cumsum(counts) - counts
    boxes = boxes_of(images)
    sizes = np.array([(i.width, i.height) for i in images], np.float64).reshape(-1, 2)[owner]
    _check_unit(images, boxes, relative)
    for row in np.flatnonzero(_suspicious(boxes, sizes, relative)):
        image_index = int(owner[row])
        found = _box_problem(boxes[row], sizes[row], relative)
        if found:
            yield image_index, int(row - first[image_index]), *found


def _suspicious(boxes: np.ndarray, sizes: np.ndarray, relative: bool) -> np.ndarray:
    """Returns which boxes need to be checked one by one."""
    limit = np.ones_like(sizes) if relative else np.where(sizes > 0, sizes, MAX_COORDINATE)
    slack = 0.0 if relative else SLACK
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(boxes).all(axis=1)
        valid &= (to_float32(boxes[:, 2:]) > to_float32(boxes[:, :2])).all(axis=1)
        valid &= (boxes[:, :2] >= -slack).all(axis=1)
        valid &= (boxes[:, 2:] <= limit + slack).all(axis=1)
        if not relative:
            valid &= boxes[:, 2:].max(axis=1, initial=-np.inf) > 1
    return ~valid


def _box_problem(box: np.ndarray, size: np.ndarray, relative: bool) -> tuple[str, str, str] | None:
    """Returns problem, remedy and what to drop, or None for a valid box."""
    text = "[" + " ".join(f"{value:.10g}" for value in box) + "]"
    if not np.isfinite(box).all():
        return f"box {text} is not finite", "give four numbers", "object"
    low, high = box[:2], box[2:]
    if (high < low).any():
        return (
            f"box {text} has its corners swapped",
            "put the top left corner first, then the bottom right one",
            "object",
        )
    # Boxes are stored as float32; far outside the image they have another defect.
    if (np.abs(box) < MAX_COORDINATE).all() and (to_float32(high) == to_float32(low)).any():
        return f"box {text} has no area", "draw it again or remove it", "object"
    if not relative and (box >= 0).all() and (box <= 1).all():
        return (
            f"box {text} is within 0…1, fractions instead of pixels",
            "multiply by the image's width and height",
            "object",
        )
    limit = np.ones(2) if relative else np.where(size > 0, size, MAX_COORDINATE)
    unit = "0…1" if relative else f"{size[0]:.0f}×{size[1]:.0f}"
    image = f"the image ({unit})" if relative or size.all() else "the image"
    if (low >= limit).any() or (high <= 0).any():
        return f"box {text} is outside {image}", "correct or remove it", "object"
    slack = 1e-4 if relative else SLACK
    if (low < -slack).any() or (high > limit + slack).any():
        return f"box {text} extends beyond {image}", "clip it to the image", "part"
    return None


def _check_unit(images: list[AnnotatedImage], boxes: np.ndarray, relative: bool) -> None:
    """Raises InputError if every box is in the other unit."""
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes = boxes[usable]
    if len(boxes) == 0:
        return
    file = next(shown(image.label_file) for image in images if image.annotations)
    if relative and (boxes.max(axis=1) > 2).all():
        raise InputError(
            f"{file}: every box extends far beyond 1, pixels instead of fractions of the image; "
            "divide by its width and height."
        )
    if not relative and (boxes <= 1).all() and (boxes >= 0).all():
        raise InputError(
            f"{file}: every box is within 0…1, fractions of the image instead of pixels; multiply "
            "by its width and height."
        )


def _check_keypoints(images: list[AnnotatedImage]) -> Iterator[Problem]:
    """Yields visible keypoints outside the image, and makes them absent."""
    annotated = [
        (image_index, index)
        for image_index, image in enumerate(images)
        for index, item in enumerate(image.annotations)
        if len(item.keypoints)
    ]
    if not annotated:
        return
    points = np.array([images[p].annotations[i].keypoints for p, i in annotated], np.float64)
    points = points.reshape(len(annotated), -1, 3)
    limit = np.array(
        [(images[p].width or np.inf, images[p].height or np.inf) for p, _ in annotated]
    )
    inside = (points[..., :2] >= -SLACK).all(axis=2)
    inside &= (points[..., :2] <= limit[:, None] + SLACK).all(axis=2)
    allowed = np.isin(points[..., 2], (0, 1, 2))
    wrong = ~allowed | (~inside & (points[..., 2] != 0))
    for row in np.flatnonzero(wrong.any(axis=1)):
        image_index, index = annotated[row]
        indices = np.flatnonzero(wrong[row])
        x, y, value = points[row, indices[0]]
        visibility = "" if allowed[row, indices[0]] else f" with visibility {value:.10g}"
        more = f" and {indices.size - 1} more" if indices.size > 1 else ""
        repaired = np.where((inside & allowed)[row, :, None], points[row], 0.0)
        images[image_index].annotations[index].keypoints = repaired.ravel().tolist()
        problem = (
            f"keypoint {indices[0]} at ({x:.10g}, {y:.10g}){visibility}{more} is not in the image"
        )
        remedy = "give positions in the image and visibility 0, 1 or 2"
        yield image_index, index, problem, remedy, "part"


def region_of(item: Annotation, image: AnnotatedImage, relative: bool) -> Sequence[float] | None:
    """Returns the box (4,) in the image that a box most likely stands for; None if there is none.

    Corners may be swapped, and coordinates be fractions instead of pixels.
    """
    box = np.asarray(item.box, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        return None
    if not relative and (box >= 0).all() and (box <= 1).all():
        box = box * ([image.width, image.height] * 2)
    sides = (image.width or MAX_COORDINATE, image.height or MAX_COORDINATE)
    limit = np.ones(2) if relative else np.array(sides)
    low = np.maximum(np.minimum(box[:2], box[2:]), 0)
    high = np.minimum(np.maximum(box[:2], box[2:]), limit)
    if (to_float32(high) <= to_float32(low)).any():
        return None
    return [*low.tolist(), *high.tolist()]


def has_outline(item: Annotation) -> bool:
    """Returns whether an annotation has a valid polygon, run lengths or a value in a map."""
    return bool(
        item.instance_id or len(item.run_lengths) or any(_is_polygon(p) for p in item.polygons)
    )


def any_outline(images: Iterable[AnnotatedImage]) -> bool:
    """Returns whether any object of the images has an outline."""
    return any(has_outline(item) for image in images for item in image.annotations)


def _check_polygons(images: list[AnnotatedImage]) -> Iterator[Problem]:
    """Yields invalid polygons, and removes them; the object remains, perhaps without outline."""
    for image_index, image in enumerate(images):
        for index, item in enumerate(image.annotations):
            if not item.polygons:
                continue
            valid = [polygon for polygon in item.polygons if _is_polygon(polygon)]
            if len(valid) == len(item.polygons):
                continue
            bad = next(polygon for polygon in item.polygons if not _is_polygon(polygon))
            text = " ".join(f"{value:.10g}" for value in bad[:6]) + (" …" if len(bad) > 6 else "")
            item.polygons = valid
            problem = f"polygon [{text}] is not a valid outline"
            remedy = "give three or more points x, y, finite and in or near the image"
            yield image_index, index, problem, remedy, "part"


def _is_polygon(polygon: Sequence[float]) -> bool:
    count = len(polygon)
    finite = math.isfinite(sum(polygon))
    return count >= 6 and count % 2 == 0 and finite and max(map(abs, polygon)) <= MAX_COORDINATE
