"""`draw`: one image with everything that a sample or an answer says of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from training.drawing.class_maps import overlay_classes, overlay_instances, rgb, rims
from training.drawing.class_names import Names
from training.drawing.colors import object_color, text_on
from training.drawing.instance_masks import lay_over, paste_window, window_of
from training.drawing.lines import draw_box, draw_joints, draw_many, line_width
from training.drawing.object_drawing import Drawn, label_text, objects_of
from training.drawing.text_labels import Tags, font, text_size, wrapped

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
    """The image with all its labels or answers.

    Drawn are `segmentation`, `instances`, `masks`, `boxes` with `labels` and `scores` (`crowd` and
    `difficult` ones dashed), `box` and `label`, `keypoints`, `captions` or `texts` (numbered boxes,
    the sentences listed below the image), and, in thin lines, `proposals` and `anchors` (N, 4).
    Rows with label −1 and rows from `num_detections` on are padding. Beside `scores` the joints are
    an answer's, whose third column is a score: those above 0 are drawn. A label that would hide
    another one, or half of an object, is left out: its colour still says the class.

    Args:
        image: (H, W, 1 or 3) pixels in 0…255.
        sample: keys of the sample schema or of a model's answer, not batched.
        names: what their numbers are called.
        side: longer side of the drawn image in pixels; None keeps the image's own size. Text
            and lines have their size on the drawn image, so small images want a larger one.
        keys: draw only these.
        color_by: `"class"`, or `"object"` to tell objects of one class apart, as is always done
            where sentences are told of regions of one class.
        min_score: objects with a lower score are left out.
        full_masks: `masks` are (N, H, W) masks of the image, not (N, M, M) ones of the boxes.
        max_regions: captions to draw at most; a line says how many more there are.

    Returns:
        (H', W', 3) uint8; higher than the image where captions are listed below it.

    Raises:
        ValueError: `color_by` is neither.
    """
    if color_by not in ("class", "object"):
        raise ValueError(f"color_by is 'class' or 'object', not {color_by!r}.")
    sample = {k: v for k, v in sample.items() if k != "image" and (keys is None or k in keys)}
    canvas, scale = _canvas(rgb(np.asarray(image)), side)
    canvas = _maps(canvas, sample, names)
    objects = objects_of(sample, names, color_by, min_score)
    more = 0
    if "captions" in sample or "texts" in sample:
        objects, more = objects[:max_regions], max(0, len(objects) - max_regions)
    if "masks" in sample:
        canvas = _masks(canvas, sample["masks"], objects, scale, full_masks)
    for key in ("anchors", "proposals"):
        if key in sample:
            boxes = np.asarray(sample[key], np.float64) * scale
            canvas = draw_many(canvas, boxes, by_shape=key == "anchors")
    _boxes_and_joints(canvas, sample, objects, names, scale)
    _tags(canvas, sample, objects, names, scale)
    if "captions" in sample or "texts" in sample:
        canvas = _listed(canvas, objects, more)
    return np.asarray(canvas)


def _canvas(image: np.ndarray, side: int | None) -> tuple[Image.Image, np.ndarray]:
    """The image at its drawn size, and the factors (4,) that bring xyxy there."""
    height, width = image.shape[:2]
    canvas = Image.fromarray(image)
    if side is not None and side != max(height, width):
        factor = side / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        canvas = canvas.resize(size, Image.Resampling.LANCZOS)
    across, down = canvas.width / width, canvas.height / height
    return canvas, np.array([across, down, across, down])


def _maps(canvas: Image.Image, sample: Mapping[str, Any], names: Names) -> Image.Image:
    """Class map and instance map; of objects of one class the instances say more.

    Where there are masks an instance map says the same again.
    """
    maps = {}
    for key in ("segmentation",) if "masks" in sample else ("segmentation", "instances"):
        if key in sample:
            values = Image.fromarray(np.asarray(sample[key]).astype(np.int32))
            maps[key] = np.asarray(values.resize(canvas.size, Image.Resampling.NEAREST))
    classes, instances = maps.get("segmentation"), maps.get("instances")
    if instances is not None and (classes is None or classes[classes < 255].max(initial=0) < 2):
        return Image.fromarray(overlay_instances(np.asarray(canvas), instances))
    if classes is None:
        return canvas
    count = max(len(names.classes), int(classes[classes < 255].max(initial=0)) + 1)
    pixels = overlay_classes(np.asarray(canvas), classes, count)
    if instances is not None:
        pixels[rims(instances)] = 255
    return Image.fromarray(pixels)


def _masks(
    canvas: Image.Image, masks: np.ndarray, objects: list[Drawn], scale: np.ndarray, full: bool
) -> Image.Image:
    pixels = np.array(canvas)
    height, width = pixels.shape[:2]
    rim = line_width(max(height, width))
    # Large objects first, so that small ones lie on top.
    for one in sorted(objects, key=_area, reverse=True):
        if one.box is None:
            continue
        box = np.array([0, 0, width, height]) if full else one.box * scale
        window = window_of(box, height, width)
        if window is not None:
            inside = paste_window(np.asarray(masks[one.row]), box, window)
            lay_over(pixels, window, inside, one.color, rim)
    return Image.fromarray(pixels)


def _boxes_and_joints(
    canvas: Image.Image, sample: Mapping[str, Any], objects: list[Drawn], names: Names, scale
) -> None:
    side = max(canvas.size)
    for one in sorted(objects, key=_area, reverse=True):
        if one.box is not None:
            draw_box(canvas, tuple(one.box * scale), one.color, line_width(side), one.dashed)
    if "keypoints" not in sample:
        return
    keypoints = np.asarray(sample["keypoints"], np.float64) * [*scale[:2], 1]
    if "scores" in sample:
        keypoints[..., 2] = np.where(keypoints[..., 2] > 0, 2, 0)
    people = [keypoints] if keypoints.ndim == 2 else list(keypoints)
    rows = {one.row for one in objects} if keypoints.ndim == 3 and "boxes" in sample else None
    for row, joints in enumerate(people):
        if rows is None or row in rows:
            draw_joints(canvas, joints, names, max(2.0, side / 160))


def _tags(
    canvas: Image.Image, sample: Mapping[str, Any], objects: list[Drawn], names: Names, scale
) -> None:
    """Labels, those of small objects first: they have the fewest places."""
    boxes = [one.box * scale for one in objects if one.box is not None]
    tags = Tags(canvas, text_size(max(canvas.size)), np.array(boxes))
    if "label" in sample and "box" not in sample and int(sample["label"]) >= 0:
        label = int(sample["label"])
        tags.write(label_text(sample, names), (0, 0, 0, 0), object_color(label))
    for one in sorted(objects, key=_area):
        if one.box is not None and one.text:
            x0, y0, x1, y1 = (float(v) for v in one.box * scale)
            tags.write(one.text, (x0, y0, x1, y1), one.color)


def _listed(canvas: Image.Image, objects: list[Drawn], more: int) -> Image.Image:
    """The canvas with the regions' sentences below it."""
    letters = font(text_size(max(canvas.size)))
    ascent, descent = letters.getmetrics()
    high = ascent + descent + 2
    chip = round(letters.getlength("00")) + 4
    width = canvas.width - chip - 3 * _MARGIN
    lines: list[tuple[Drawn | None, str]] = []
    for one in objects:
        first, *others = wrapped(one.sentence, letters, width)
        lines += [(one if one.box is not None else None, first), *((None, t) for t in others)]
    if more:
        lines.append((None, f"… and {more} more"))
    listed = Image.new("RGB", (canvas.width, canvas.height + high * len(lines) + _MARGIN), "white")
    listed.paste(canvas, (0, 0))
    pen = ImageDraw.Draw(listed)
    y = canvas.height + _MARGIN // 2
    for begun, text in lines:
        if begun is not None:
            pen.rectangle((_MARGIN, y, _MARGIN + chip, y + high - 3), begun.color)
            middle = _MARGIN + chip / 2
            pen.text((middle, y), begun.text.split()[0], text_on(begun.color), letters, anchor="ma")
        pen.text((chip + 2 * _MARGIN, y), text, "black", letters)
        y += high
    return listed


def _area(one: Drawn) -> float:
    if one.box is None:
        return 0.0
    return float(max(0.0, one.box[2] - one.box[0]) * max(0.0, one.box[3] - one.box[1]))
