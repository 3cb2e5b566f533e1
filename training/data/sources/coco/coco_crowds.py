"""COCO's crowds: annotations with `iscrowd`, one region for many objects.

The flag is read here and becomes `Annotation.crowd` and the key `crowd` of a sample. In training
such a region is neither positive nor negative, and metrics ignore detections inside it.
"""

from __future__ import annotations

from training.data.sources.reading.json_files import JsonObject


def is_crowd(entry: JsonObject) -> bool:
    """Returns whether an annotation is a crowd; any other value than 1 or true is not."""
    return entry.get("iscrowd") in (1, True)
