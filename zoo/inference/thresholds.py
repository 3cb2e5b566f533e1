"""Thresholds of answers that are only known when a model answers, not when it is built."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

_GIVEN: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "thresholds", default=None
)


_NOTED: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "noted", default=None
)


@contextlib.contextmanager
def with_thresholds(
    score_threshold: Any = None, nms_iou: Any = None, class_agnostic: Any = None
) -> Iterator[None]:
    """Inside the `with` block detectors answer with these instead of their own.

    Args:
        score_threshold: lowest score of an answer: a number or a scalar tensor; None leaves the
            model's own, as of the others.
        nms_iou: of the final suppression.
        class_agnostic: whether boxes suppress those of other classes too, bool.
    """
    given = {
        "score_threshold": score_threshold,
        "nms_iou": nms_iou,
        "class_agnostic": class_agnostic,
    }
    token = _GIVEN.set({key: value for key, value in given.items() if value is not None})
    try:
        yield
    finally:
        _GIVEN.reset(token)


@contextlib.contextmanager
def recording_thresholds() -> Iterator[dict[str, Any]]:
    """Inside the `with` block the thresholds that a detector answers by are written down.

    They are the keys `score_threshold`, `nms_iou` and `class_agnostic` of the dict that it gives.
    """
    noted: dict[str, Any] = {}
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def in_force(**own: Any) -> dict[str, Any]:
    """The model's own thresholds, replaced by those of the `with` block at hand."""
    given = _GIVEN.get() or {}
    rule = {key: given.get(key, value) for key, value in own.items()}
    noted = _NOTED.get()
    if noted is not None:
        noted.update(rule)
    return rule
