"""Label Studio's exports: JSON, tasks with annotations; JSON-MIN, one object per annotation."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.data.sources.reading.json_files import JsonObject, short

_IMAGE_KEYS = ("image", "img", "image_url", "url", "ocr", "photo", "file")
_MIN_KEYS = (
    *("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"),
    *("original_width", "original_height"),
)
_RESULTS = ("annotations", "completions", "predictions")
_GEOMETRY = ("x", "points", "rle", "vertices")


@dataclasses.dataclass(slots=True)
class Task:
    """One task.

    Attributes:
        image: name of the image, as stored; None without one.
        regions: the regions of one annotation; None if it has no annotation that can be used.
        annotations: number of annotations that are not cancelled.
        problem: what makes it invalid, or an empty string.
    """

    image: Any = None
    regions: list[Any] | None = None
    annotations: int = 0
    problem: str = ""


def is_export(content: Any) -> bool:
    """Returns whether the content of a JSON file is an export of Label Studio."""
    tasks = content if isinstance(content, list) else [content]
    return any(_is_full(task) or _is_min(task) for task in tasks if isinstance(task, dict))


def read_task(task: Any, predictions: bool = False) -> Task:
    """Returns a task of either export; with the first prediction, if it has no annotation."""
    if not isinstance(task, dict):
        return Task(problem=f"{short(task)} is not a task")
    if not _is_full(task):
        return _read_min(task)
    data = task.get("data")
    image = image_name(data) if isinstance(data, dict) else None
    annotations = task.get("annotations", task.get("completions", []))
    if not isinstance(annotations, list):
        return Task(image, problem=f"annotations {short(annotations)}")
    valid = [item for item in annotations if isinstance(item, dict)]
    if len(valid) < len(annotations):
        return Task(image, problem=f"annotation {short(annotations[0])}")
    used = [item for item in valid if not item.get("was_cancelled")]
    if predictions and not used and isinstance(task.get("predictions"), list):
        used = [item for item in task["predictions"] if isinstance(item, dict)][:1]
    if not used:
        return Task(image)
    regions = used[0].get("result")
    if not isinstance(regions, list):
        return Task(image, problem=f"result {short(regions)}")
    return Task(image, regions, len(used))


def image_name(data: JsonObject) -> str | None:
    """Returns the value of a task's data that names its image."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    for key in (*_IMAGE_KEYS, *texts):
        if key in texts and _is_image(texts[key]):
            return texts[key]
    return next((texts[key] for key in _IMAGE_KEYS if key in texts), None)


def _is_image(text: str) -> bool:
    """Returns whether a path or URL, or the path in its query, ends as image files do."""
    paths = [text]
    try:
        address = urlsplit(text)
        paths += [address.path, *parse_qs(address.query).get("d", ())]
    except ValueError:
        pass
    return any(os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES for path in paths)


def _is_full(task: JsonObject) -> bool:
    return isinstance(task.get("data"), dict) and any(key in task for key in _RESULTS)


def _is_min(task: JsonObject) -> bool:
    values = [value for value in task.values() if isinstance(value, list)]
    regions = any(isinstance(r, dict) and "original_width" in r for v in values for r in v)
    return regions or ("annotation_id" in task and image_name(task) is not None)


def _read_min(task: JsonObject) -> Task:
    """Returns a task of JSON-MIN, whose labels are under the names of the labeling tags."""
    image = image_name(task)
    if image is None:
        return Task(problem=f"{short(task)} names no image")
    regions = list(_min_regions(task))
    return Task(image, regions, 1)


def _min_regions(task: JsonObject) -> Iterator[JsonObject]:
    """Yields the regions of a task of JSON-MIN, as in the full export."""
    for key, value in task.items():
        if key in _MIN_KEYS or not isinstance(value, list):
            continue
        for region in value:
            is_region = isinstance(region, dict) and (
                "original_width" in region or any(name in region for name in _GEOMETRY)
            )
            if not is_region:
                if not isinstance(region, str):
                    yield {"type": "", "value": region}
                continue
            sides = {name: region.get(name) for name in ("original_width", "original_height")}
            labels = (name for name in region if name.endswith("labels"))
            yield {"type": next(labels, ""), "value": region, **sides}
