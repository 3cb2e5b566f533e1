"""From raw images to predictions, as in `predict`, `evaluate` and every exported file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras import ops

from zoo.errors import InputError
from zoo.inference.image_transform import ImageTransform, transform_images
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo.inference.tiling import in_abutting_tiles, in_overlapping_tiles
from zoo.layers.class_softmax import class_softmax
from zoo.layers.portable import portable_operators
from zoo.layers.resample import mirror
from zoo.valid_sizes import ValidSizes

if TYPE_CHECKING:
    from zoo.model import Model


def predict(
    model: Model,
    images,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str | None = None,
    portable: bool = False,
    options: InferenceOptions = PLAIN,
) -> dict[str, Any]:
    """Returns the predictions for raw images, in pixels of the images.

    Args:
        model: any model of the zoo.
        images: pixels in [0, 255], uint8 or float: a batch (B, H, W, C) or one image (H, W, C),
            whose predictions have no batch axis. For models that take proposals
            `{"image": …, "proposals": (B, P, 4) or (P, 4)}`, xyxy in pixels of the images.
        image_size: model input size (H, W); None for `model.image_size`.
        resize: `"letterbox"`, `"stretch"`, or `"native"` for the images' own size; None for
            `model.resize`, or `"letterbox"` where the model has none and `image_size` is given.
        portable: whether to use only operators that LiteRT has.
        options: test-time options (tiles, scales, flip) of segmentation models; one plain pass by
            default.

    Returns:
        The predictions of the model's task, see `zoo.tasks`.

    Raises:
        InputError: if `resize` is unknown, the options do not suit the model's task, or `images`
            has the wrong form.
    """
    if not hasattr(model, "task_name"):
        raise InputError(f"model must be a zoo.Model, as zoo.load returns it, not {model!r}.")
    options.check(model.task_name)
    if model.takes_proposals != isinstance(images, Mapping):
        forms = ['{"image": …, "proposals": …}', "an array of images"]
        right, found = forms if model.takes_proposals else reversed(forms)
        raise InputError(f"{model.name}: images must be {right}, not {found}.")
    image_size, resize = resolve_transform(model, image_size, resize)
    inputs = dict(images) if isinstance(images, Mapping) else {"image": images}
    rank = len(ops.shape(inputs["image"]))
    if rank not in (3, 4):
        raise InputError(
            f"{model.name}: images must be (H, W, C) or (B, H, W, C), not of rank {rank}."
        )
    if rank == 3:
        inputs = {key: ops.expand_dims(value, 0) for key, value in inputs.items()}
    with portable_operators(portable):
        predictions = _predict_batch(model, inputs, image_size, resize, portable, options)
    return {key: value[0] for key, value in predictions.items()} if rank == 3 else predictions


def resolve_transform(
    model: Model, image_size: tuple[int, int] | None, resize: str | None
) -> tuple[tuple[int, int] | None, str]:
    """Returns the arguments of `transform_images`, with the model's own where they are None."""
    if resize is None:
        resize = model.resize
        if resize == "native" and image_size is not None:
            resize = "letterbox"
    image_size = image_size or model.image_size
    return (None, "native") if image_size is None or resize == "native" else (image_size, resize)


def _predict_batch(
    model: Model,
    images: Mapping[str, Any],
    image_size: tuple[int, int] | None,
    resize: str,
    portable: bool,
    options: InferenceOptions,
) -> dict[str, Any]:
    if options.averages:
        image = images["image"]
        maps, transform = _averaged(model, image, image_size, resize, portable, options)
        return model.decode({"segmentation": maps}, transform)
    inputs, transform = transform_images(images["image"], image_size, resize, portable)
    if not model.takes_proposals:
        return model.decode(_outputs(model, inputs, options, portable), transform)
    boxes = transform.transform_boxes(ops.cast(images["proposals"], "float32"))
    outputs = model({"image": inputs, "proposals": boxes}, training=False)
    # Not the network's own output, which int8 would round.
    return model.decode({**outputs, "proposals": boxes}, transform)


def _averaged(
    model: Model, images, image_size, resize: str, portable: bool, options: InferenceOptions
):
    """Mean probabilities (B, H, W, classes) over the views, in pixels of the images."""
    total: Any = 0.0
    for scale, flipped in options.views:
        view = ops.flip(images, axis=2) if flipped else images
        inputs, transform = transform_images(view, image_size, resize, portable, scale)
        scores = _outputs(model, inputs, options, portable)["segmentation"]
        maps = transform.restore_map(class_softmax(scores))
        total = total + (ops.flip(maps, axis=2) if flipped else maps)
    whole = ImageTransform(transform.height, transform.width, transform.height, transform.width)
    return total / len(options.views), whole


def _outputs(model: Model, inputs, options: InferenceOptions, portable: bool) -> Mapping[str, Any]:
    """Raw outputs of the whole input; with tiles, the scores alone."""
    if options.tile is None:
        if model.sizes is not None:
            inputs = _with_margin(inputs, model.sizes)
        return model(inputs, training=False)
    channels = model.output["segmentation"].shape[-1]

    def run(piece):
        return model(piece, training=False)["segmentation"]

    if model.sizes is not None:
        scores = in_abutting_tiles(run, inputs, options.tile, model.sizes, channels, portable)
    else:
        overlap = options.overlap_pixels
        scores = in_overlapping_tiles(run, inputs, options.tile, overlap, channels, portable)
    return {"segmentation": scores}


def _with_margin(inputs, sizes: ValidSizes):
    """Mirrors the borders, so that the output of valid convolutions covers the whole input."""
    _, height, width, _ = ops.shape(inputs)
    return mirror(inputs, sizes.margin, sizes.covering(height), sizes.covering(width))
