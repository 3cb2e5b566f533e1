"""From raw images to final answers: what `predict`, `evaluate` and every exported file do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.errors import InputError
from zoo.inference.image_transform import ImageTransform, transform_images
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo.inference.tiling import in_abutting_tiles, in_overlapping_tiles
from zoo.layers.portable import portable_operators
from zoo.layers.resample import mirror
from zoo.model import Model, ValidSizes


def predict(
    model: Model,
    images,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str = "letterbox",
    portable: bool = False,
    inference: InferenceOptions = PLAIN,
) -> dict[str, Any]:
    """Final answers for raw images, in their own pixels.

    Args:
        model: any model of the zoo.
        images: (B, H, W, C) pixels 0…255, uint8 or float, of any size; for models that take
            proposals `{"image": …, "proposals": (B, P, 4)}`, xyxy in pixels of the images.
        image_size: canvas (H, W) the images are put on; None runs them at their own size.
        fit: how, see `zoo.inference.image_transform.place`.
        portable: only operators that LiteRT has.
        inference: tiles, scales and flips, for models of segmentation; default one plain pass.

    Returns:
        The answers of the model's task, see `zoo.tasks`.

    Raises:
        InputError: unknown `fit`, an inference that the model's task does not have, or no proposals
            for a model that takes them.
    """
    inference.check(model.task_name)
    if model.takes_proposals != isinstance(images, Mapping):
        form = '{"image": …, "proposals": …}' if model.takes_proposals else "images alone"
        raise InputError(f"{model.name} takes {form}.")
    with portable_operators(portable):
        if inference.averages:
            maps, transform = _averaged(model, images, image_size, resize, portable, inference)
            return model.decode({"segmentation": maps}, transform)
        if isinstance(images, Mapping):
            canvas, transform = transform_images(images["image"], image_size, resize, portable)
            boxes = transform.transform_boxes(ops.cast(images["proposals"], "float32"))
            outputs = model({"image": canvas, "proposals": boxes}, training=False)
            # Not as they come out of the network, where int8 would round them.
            return model.decode({**outputs, "proposals": boxes}, transform)
        canvas, transform = transform_images(images, image_size, resize, portable)
        return model.decode(_outputs(model, canvas, inference, portable), transform)


def _averaged(
    model: Model, images, image_size, resize: str, portable: bool, inference: InferenceOptions
):
    """Mean probabilities (B, H, W, classes) over the views, in pixels of the images."""
    total: Any = 0.0
    for scale, mirrored in inference.views:
        seen = ops.flip(images, axis=2) if mirrored else images
        canvas, transform = transform_images(seen, image_size, resize, portable, scale)
        scores = _outputs(model, canvas, inference, portable)["segmentation"]
        maps = transform.restore_map(ops.softmax(scores, axis=-1))
        total = total + (ops.flip(maps, axis=2) if mirrored else maps)
    whole = ImageTransform(transform.height, transform.width, transform.height, transform.width)
    return total / len(inference.views), whole


def _outputs(
    model: Model, canvas, inference: InferenceOptions, portable: bool
) -> Mapping[str, Any]:
    """Raw outputs for the whole canvas; of tiles, the scores alone."""
    if inference.tile is None:
        if model.sizes is not None:
            canvas = _with_margin(canvas, model.sizes)
        return model(canvas, training=False)
    channels = model.output["segmentation"].shape[-1]

    def run(piece):
        return model(piece, training=False)["segmentation"]

    if model.sizes is not None:
        scores = in_abutting_tiles(run, canvas, inference.tile, model.sizes, channels, portable)
    else:
        overlap = inference.pixels_of_overlap
        scores = in_overlapping_tiles(run, canvas, inference.tile, overlap, channels, portable)
    return {"segmentation": scores}


def _with_margin(canvas, sizes: ValidSizes):
    """Mirrors the borders, so that a net of valid convolutions answers for the whole canvas."""
    _, height, width, _ = ops.shape(canvas)
    return mirror(canvas, sizes.margin, sizes.covering(height), sizes.covering(width))


__all__ = ["ImageTransform", "predict"]
