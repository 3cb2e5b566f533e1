"""Thresholds of detectors that are set at prediction, not when the model is built."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

_OVERRIDES: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "overrides", default=None
)
_RECORD: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "record", default=None
)


@contextlib.contextmanager
def with_thresholds(
    score_threshold: Any = None, nms_iou: Any = None, class_agnostic: Any = None
) -> Iterator[None]:
    """Replaces the thresholds of detectors inside the `with` block; None keeps the model's own.

    Values may be scalar tensors; see `zoo.detection.postprocessing.Selection` for their meaning.
    """
    values = {
        "score_threshold": score_threshold,
        "nms_iou": nms_iou,
        "class_agnostic": class_agnostic,
    }
    token = _OVERRIDES.set({key: value for key, value in values.items() if value is not None})
    try:
        yield
    finally:
        _OVERRIDES.reset(token)


@contextlib.contextmanager
def recording_thresholds() -> Iterator[dict[str, Any]]:
    """Yields a dictionary that is filled with the thresholds a detector uses inside the block."""
    record: dict[str, Any] = {}
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


def current_thresholds(**own: Any) -> dict[str, Any]:
    """Returns the model's `own` thresholds, replaced by those of an enclosing `with` block."""
    overrides = _OVERRIDES.get() or {}
    thresholds = {key: overrides.get(key, value) for key, value in own.items()}
    record = _RECORD.get()
    if record is not None:
        record.update(thresholds)
    return thresholds
