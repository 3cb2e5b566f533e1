"""Outlines of objects: masks to polygons and back, as COCO's tools rasterize them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from training.data.writing.labeled_image import LabeledObject, Rle

Rings = list[list[np.ndarray]]
"""Parts of an object: (V, 2) vertices of the outer ring of each, followed by its holes."""

_BACKGROUNDS = ("background", "_background_", "0", "void", "unlabeled", "ignore")
_OVERSHOOT = 1.0
"""Pixels by which polygons may leave the image before they are traced again."""


def encode(mask: np.ndarray) -> Rle:
    """Returns the run-length encoding of an (H, W) mask."""
    from faster_coco_eval import mask as coco

    return coco.encode(np.asfortranarray(mask, np.uint8))


def encode_window(window: np.ndarray, top: int, left: int, height: int, width: int) -> Rle:
    """Returns the run-length encoding of a mask (height, width) that is 0 outside a window."""
    from faster_coco_eval import mask as coco

    columns = np.zeros((window.shape[1], height), bool)
    columns[:, top : top + window.shape[0]] = window.T
    flat = columns.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=False, append=False)) + left * height
    counts = np.diff(starts, prepend=0, append=height * width)
    rle: Rle = {"size": [height, width], "counts": counts.tolist()}
    return coco.frPyObjects(rle, height, width)


def rle_of(item: LabeledObject, height: int, width: int) -> Rle:
    """Returns the mask of an object with an outline as a run-length encoding of the image."""
    from faster_coco_eval import mask as coco

    parts = [polygon.ravel().tolist() for polygon in item.polygons]
    encoded = coco.frPyObjects(parts, height, width) if parts else []
    if item.rle is not None:
        encoded = [*encoded, item.rle]
    return encoded[0] if len(encoded) == 1 else coco.merge(encoded)


def area_of(item: LabeledObject, height: int, width: int) -> float:
    """Returns the area of an object's outline in pixels; without one, that of its box."""
    from faster_coco_eval import mask as coco

    if item.has_outline:
        return float(coco.area(rle_of(item, height, width)))
    return float(np.prod(item.box[2:] - item.box[:2]))


def decode(rle: Rle) -> np.ndarray:
    """Returns a run-length encoded mask as (H, W) bool."""
    from faster_coco_eval import mask as coco

    return coco.decode(rle).astype(bool)


def rings_of(item: LabeledObject, height: int, width: int) -> Rings:
    """Returns the outline of an object as disjoint parts inside the image.

    Stored polygons are kept if they do not overlap each other and are in the image up to a pixel;
    others, and masks, are traced.
    """
    if item.rle is None and _are_disjoint(item.polygons, height, width):
        limits = np.array([width, height], np.float64)
        low = min(polygon.min() for polygon in item.polygons)
        over = max((polygon - limits).max() for polygon in item.polygons)
        if low >= -_OVERSHOOT and over <= _OVERSHOOT:
            return [[np.clip(polygon, 0, limits)] for polygon in item.polygons]
    return trace_rle(rle_of(item, height, width))


def _are_disjoint(polygons: list[np.ndarray], height: int, width: int) -> bool:
    from faster_coco_eval import mask as coco

    if len(polygons) < 2:
        return True
    parts = coco.frPyObjects([polygon.ravel().tolist() for polygon in polygons], height, width)
    return int(np.sum(coco.area(parts))) == int(coco.area(coco.merge(parts)))


def trace_rle(rle: Rle) -> Rings:
    """Returns the outline of a run-length encoded mask."""
    from faster_coco_eval import mask as coco

    x, y, width, height = (int(side) for side in coco.toBbox(rle))
    if width == 0 or height == 0:
        return []
    parts = trace(decode(rle)[y : y + height, x : x + width])
    return [[ring + np.array([x, y]) for ring in part] for part in parts]


def trace(mask: np.ndarray) -> Rings:
    """Returns the outline of an (H, W) mask: exactly its pixels have their centers inside.

    The rings run between the centers of pixels inside and outside; outer rings and holes have
    opposite directions.
    """
    from contourpy import FillType, contour_generator

    padded = np.pad(np.asarray(mask, np.float64), 1)
    outlines = contour_generator(z=padded, fill_type=FillType.OuterOffset)
    parts: Rings = []
    for points, ends in zip(*outlines.filled(0.5, 2.0), strict=True):
        # Pixel (r, c) of the padded mask has its center at x = c − 0.5, y = r − 0.5.
        rings = [points[start : end - 1] - 0.5 for start, end in pairwise(ends)]
        parts.append([without_collinear(ring) for ring in rings])
    return parts


def without_collinear(ring: np.ndarray) -> np.ndarray:
    """Returns a closed ring (V, 2) without vertices on the line between their neighbors."""
    before = ring - np.roll(ring, 1, axis=0)
    after = np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return ring[turns] if turns.sum() >= 3 else ring


def simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """Returns a closed ring (V, 2) with fewer vertices, at most `tolerance` pixels away.

    The method is that of Ramer, Douglas and Peucker, from two vertices far from each other.
    """
    count = len(ring)
    closed = np.concatenate([ring, ring[:1]])
    far = int(np.argmax(np.linalg.norm(ring - ring[0], axis=1)))
    kept = {0, far}
    waiting = [(0, far), (far, count)]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        distances = _distances(closed[start + 1 : end], closed[start], closed[end])
        furthest = int(np.argmax(distances))
        if distances[furthest] > tolerance:
            middle = start + 1 + furthest
            kept.add(middle)
            waiting += [(start, middle), (middle, end)]
    return ring[sorted(kept)] if len(kept) >= 3 else ring


def _distances(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the distance of each point from the line segment between two others."""
    along = end - start
    length = float(along @ along)
    if length == 0:
        return np.linalg.norm(points - start, axis=1)
    position = np.clip((points - start) @ along / length, 0, 1)
    return np.linalg.norm(points - start - position[:, None] * along, axis=1)


def joined(rings: list[np.ndarray]) -> np.ndarray:
    """Returns one polygon (V, 2) of several rings, connected by lines of no width.

    Filled by the even-odd rule, it covers the same pixels as the rings together.
    """
    outline, *others = rings
    for ring in others:
        gaps = np.square(outline[:, None] - ring[None]).sum(axis=-1)
        i, j = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
        loop = np.concatenate([ring[j:], ring[: j + 1]])
        outline = np.concatenate([outline[: i + 1], loop, outline[i:]])
    return outline


def with_outline(item: LabeledObject, mask: np.ndarray, tolerance: float = 0.5) -> LabeledObject:
    """Adds the outline of an (H, W) mask to an object: polygons, or an RLE if it has holes.

    Polygons are simplified by at most `tolerance` pixels, less for small objects.
    """
    rle = encode(mask)
    parts = trace_rle(rle)
    if any(len(part) > 1 for part in parts):
        item.rle = rle
        return item
    for (ring,) in parts:
        side = float(np.min(np.ptp(ring, axis=0)))
        item.polygons.append(simplified(ring, min(tolerance, side / 50)))
    return item


def background_of(class_names: tuple[str, ...]) -> int | None:
    """Returns the class of a class map that has no objects: the first, if it is so named."""
    return 0 if class_names and class_names[0].lower() in _BACKGROUNDS else None


def objects_of_map(
    segmentation: np.ndarray, background: int | None, smallest: int = 1
) -> Iterator[LabeledObject]:
    """Yields the connected regions of each class of a class map as objects.

    Args:
        segmentation: (H, W) class map; 255 belongs to no class.
        background: class without objects; None if every class has objects. Labels count the
            classes without it.
        smallest: pixels of the smallest region.
    """
    from scipy import ndimage

    for value in np.unique(segmentation):
        if value == 255 or value == background:
            continue
        regions, _ = ndimage.label(segmentation == value, np.ones((3, 3)))
        for number, (rows, columns) in enumerate(ndimage.find_objects(regions), 1):
            mask = regions[rows, columns] == number
            if mask.sum() < smallest:
                continue
            rle = encode_window(mask, rows.start, columns.start, *segmentation.shape)
            box = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float64)
            label = int(value) - (background is not None and int(value) > background)
            yield LabeledObject(label, box, rle=rle)
