"""COCO's crowds: annotations with `iscrowd`, one region for many objects.

The flag is read here and becomes `Annotation.crowd` and the key `crowd` of a sample. In training
such a region is neither positive nor negative, and metrics ignore detections inside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.json_files import JsonObject


def is_crowd(entry: JsonObject) -> bool:
    """Returns whether an annotation is a crowd; any other value than 1 or true is not."""
    return entry.get("iscrowd") in (1, True, "1")


def all_crowds(split: str, images: Sequence[AnnotatedImage]) -> str:
    """Returns a note if every object of a split is a crowd, else an empty string."""
    count = sum(len(image.annotations) for image in images)
    if not count or not all(item.crowd for image in images for item in image.annotations):
        return ""
    return (
        f"{split}: all {count} objects are crowds (iscrowd 1, which CVAT writes for painted "
        "masks), so there is nothing to detect; add crowd=objects to read them as objects."
    )
