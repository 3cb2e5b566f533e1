"""`draw`: an image with its labels or predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.class_maps import overlay_classes, overlay_instances, rgb, rims
from training.drawing.colors import object_color, text_on
from training.drawing.drawn_names import Names
from training.drawing.instance_masks import has_outline, lay_over, paste_window, window_of
from training.drawing.lines import draw_box, draw_keypoints, draw_many, line_width
from training.drawing.object_drawing import DrawnObject, label_text, objects_of
from training.drawing.text_labels import Tags, font, text_size, wrapped
from zoo.argument_checks import check_choice

_NO_NAMES = Names()
_MARGIN = 6


def draw(
    image: np.ndarray,
    sample: Mapping[str, Any],
    names: Names = _NO_NAMES,
    *,
    side: int | None = None,
    keys: Collection[str] | None = None,
    color_by: str = "class",
    min_score: float = 0.0,
    full_masks: bool = False,
    max_regions: int = 12,
) -> np.ndarray:
    """Returns the image with all its labels or predictions.

    Drawn are `segmentation`, `instances`, `masks`, `boxes` with `labels` and `scores` (`crowd` and
    `difficult` ones dashed), `box` and `label`, `keypoints`, `captions` or `texts` (numbered boxes,
    with the captions listed below the image), and, in thin lines, `proposals` and `anchors` (N, 4).
    Rows with label −1 and rows from `num_detections` on are padding. With `scores`, the third
    column of the keypoints is a score, and those above 0 are drawn. A label that would hide another
    label or half of an object is left out; the color still shows the class.

    Args:
        image: pixels (H, W, 1 or 3) in 0…255.
        sample: sample or prediction of one image, without a batch axis.
        names: class, keypoint and token names.
        side: longer side of the drawn image in pixels; None for the size of the image. Text and
            lines have a fixed size, so small images are better enlarged.
        keys: keys to draw; None for all.
        color_by: `"class"` for one color per class, or `"object"` for one per object; captions of
            regions of a single class always have one per object.
        min_score: minimum score of drawn objects.
        full_masks: whether `masks` are (N, H, W) masks of the image, not (N, M, M) relative to the
            boxes.
        max_regions: maximum number of captions; the number of others is given below them.

    Returns:
        (H', W', 3) uint8; higher than the image if captions are listed below it.

    Raises:
        InputError: if `color_by` is unknown.
    """
    check_choice("color_by", color_by, ("class", "object"))
    sample = {k: v for k, v in sample.items() if k != "image" and (keys is None or k in keys)}
    drawing, scale = _resized(rgb(np.asarray(image)), side)
    drawing = _maps(drawing, sample, names)
    objects = objects_of(sample, names, color_by, min_score)
    more = 0
    if "captions" in sample or "texts" in sample:
        objects, more = objects[:max_regions], max(0, len(objects) - max_regions)
    if "masks" in sample:
        drawing = _masks(drawing, sample["masks"], objects, scale, full_masks)
    for key in ("anchors", "proposals"):
        if key in sample:
            boxes = np.asarray(sample[key], np.float64) * scale
            drawing = draw_many(drawing, boxes, by_shape=key == "anchors")
    _boxes_and_keypoints(drawing, sample, objects, names, scale)
    _tags(drawing, sample, objects, names, scale)
    if "captions" in sample or "texts" in sample:
        drawing = _listed(drawing, objects, more)
    return np.asarray(drawing)


def _resized(image: np.ndarray, side: int | None) -> tuple[Image.Image, np.ndarray]:
    """Returns the image at its drawn size, and the factors (4,) that scale xyxy to it."""
    height, width = image.shape[:2]
    drawing = Image.fromarray(image)
    if side is not None and side != max(height, width):
        factor = side / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        drawing = drawing.resize(size, Image.Resampling.LANCZOS)
    across, down = drawing.width / width, drawing.height / height
    return drawing, np.array([across, down, across, down])


def _maps(drawing: Image.Image, sample: Mapping[str, Any], names: Names) -> Image.Image:
    """Draws the segmentation map, or the instance map if there is only one class of objects."""
    maps = {}
    for key in ("segmentation",) if "masks" in sample else ("segmentation", "instances"):
        if key in sample:
            values = Image.fromarray(np.asarray(sample[key]).astype(np.int32))
            maps[key] = np.asarray(values.resize(drawing.size, Image.Resampling.NEAREST))
    classes, instances = maps.get("segmentation"), maps.get("instances")
    if instances is not None and (classes is None or classes[classes < 255].max(initial=0) < 2):
        return Image.fromarray(overlay_instances(np.asarray(drawing), instances))
    if classes is None:
        return drawing
    count = max(len(names.classes), int(classes[classes < 255].max(initial=0)) + 1)
    pixels = overlay_classes(np.asarray(drawing), classes, count)
    if instances is not None:
        pixels[rims(instances)] = 255
    return Image.fromarray(pixels)


def _masks(
    drawing: Image.Image,
    masks: np.ndarray,
    objects: list[DrawnObject],
    scale: np.ndarray,
    full: bool,
) -> Image.Image:
    pixels = np.array(drawing)
    height, width = pixels.shape[:2]
    rim = line_width(max(height, width))
    outlined = has_outline(masks)
    # Large objects first, so that small ones are on top.
    for one in sorted(objects, key=_area, reverse=True):
        if one.box is None or not outlined[one.row]:
            continue
        box = np.array([0, 0, width, height]) if full else one.box * scale
        window = window_of(box, height, width)
        if window is not None:
            inside = paste_window(np.asarray(masks[one.row]), box, window)
            lay_over(pixels, window, inside, one.color, rim)
    return Image.fromarray(pixels)


def _boxes_and_keypoints(
    drawing: Image.Image, sample: Mapping[str, Any], objects: list[DrawnObject], names: Names, scale
) -> None:
    side = max(drawing.size)
    for one in sorted(objects, key=_area, reverse=True):
        if one.box is not None:
            draw_box(drawing, tuple(one.box * scale), one.color, line_width(side), one.dashed)
    if "keypoints" not in sample:
        return
    keypoints = np.asarray(sample["keypoints"], np.float64) * [*scale[:2], 1]
    if "scores" in sample:
        keypoints[..., 2] = np.where(keypoints[..., 2] > 0, 2, 0)
    people = [keypoints] if keypoints.ndim == 2 else list(keypoints)
    rows = {one.row for one in objects} if keypoints.ndim == 3 and "boxes" in sample else None
    for row, person in enumerate(people):
        if rows is None or row in rows:
            draw_keypoints(drawing, person, names, max(2.0, side / 160))


def _tags(
    drawing: Image.Image, sample: Mapping[str, Any], objects: list[DrawnObject], names: Names, scale
) -> None:
    """Draws the labels, those of small objects first: they have the least room."""
    boxes = [one.box * scale for one in objects if one.box is not None]
    tags = Tags(drawing, text_size(max(drawing.size)), np.array(boxes))
    if "label" in sample and "box" not in sample and int(sample["label"]) >= 0:
        label = int(sample["label"])
        tags.write(label_text(sample, names), (0, 0, 0, 0), object_color(label))
    for one in sorted(objects, key=_area):
        if one.box is not None and one.text:
            x0, y0, x1, y1 = (float(v) for v in one.box * scale)
            tags.write(one.text, (x0, y0, x1, y1), one.color)


def _listed(drawing: Image.Image, objects: list[DrawnObject], more: int) -> Image.Image:
    """Returns the drawing with the captions of the regions below it."""
    typeface = font(text_size(max(drawing.size)))
    ascent, descent = typeface.getmetrics()
    high = ascent + descent + 2
    chip = round(typeface.getlength("00")) + 4
    width = drawing.width - chip - 3 * _MARGIN
    lines: list[tuple[DrawnObject | None, str]] = []
    for one in objects:
        first, *others = wrapped(one.caption, typeface, width)
        lines += [(one if one.box is not None else None, first), *((None, t) for t in others)]
    if more:
        lines.append((None, f"… and {more} more"))
    listed = Image.new(
        "RGB", (drawing.width, drawing.height + high * len(lines) + _MARGIN), "white"
    )
    listed.paste(drawing, (0, 0))
    pen = ImageDraw.Draw(listed)
    y = drawing.height + _MARGIN // 2
    for region, text in lines:
        if region is not None:
            pen.rectangle((_MARGIN, y, _MARGIN + chip, y + high - 3), region.color)
            middle = _MARGIN + chip / 2
            number = region.text.split()[0]
            pen.text((middle, y), number, text_on(region.color), typeface, anchor="ma")
        pen.text((chip + 2 * _MARGIN, y), text, "black", typeface)
        y += high
    return listed


def _area(one: DrawnObject) -> float:
    if one.box is None:
        return 0.0
    return float(max(0.0, one.box[2] - one.box[0]) * max(0.0, one.box[3] - one.box[1]))
