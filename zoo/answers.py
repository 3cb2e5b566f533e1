"""From raw pictures to final answers: what `predict`, `evaluate` and every exported file do."""

from __future__ import annotations

from typing import Any

from keras import ops

from zoo.frame import Frame, place
from zoo.layers.resample import mirror
from zoo.model import Model, ValidSizes


def answer(
    model: Model,
    images,
    *,
    image_size: tuple[int, int] | None = None,
    fit: str = "fit",
    portable: bool = False,
) -> dict[str, Any]:
    """Final answers for raw pictures, in their own pixels.

    Args:
        model: any model of the zoo.
        images: (B, H, W, C) pixels 0…255, uint8 or float, of any size.
        image_size: canvas (H, W) the pictures are put on; None runs them at their own size.
        fit: how, see `zoo.frame.place`.
        portable: only operators that LiteRT has.

    Returns:
        The answers of the model's task, see `zoo.tasks`.
    """
    canvas, frame = place(images, image_size, fit, portable)
    if model.sizes is not None:
        canvas = _with_margin(canvas, model.sizes)
    return model.decode(model(canvas, training=False), frame)


def _with_margin(canvas, sizes: ValidSizes):
    """Mirrors the borders, so that a net of valid convolutions answers for the whole canvas."""
    _, height, width, _ = ops.shape(canvas)
    return mirror(canvas, sizes.margin, sizes.covering(height), sizes.covering(width))


__all__ = ["Frame", "answer"]
