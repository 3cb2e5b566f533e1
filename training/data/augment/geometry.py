"""The transform of a whole sample by one matrix: image, maps, boxes, masks and keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    areas,
    flipped_keypoint_order,
    full_window,
    keep_objects,
    min_visible_of,
    transform_boxes,
    transform_keypoints,
)
from training.data.augment.augmentation import EDGE, REFLECT, Fill
from training.data.augment.elastic import ElasticField
from training.data.augment.lazy_image import LazyImage
from training.data.augment.mask_geometry import ObjectMasks
from training.data.augment.matrices import determinant
from training.data.augment.resampling import (
    Size,
    fill_outside,
    map_points,
    sample_image,
    sample_map,
)
from training.data.value_checks import check_size
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE

MAP_FILLS = {"segmentation": IGNORE, "instances": 0}
PIXEL_KEYS = ("image", *MAP_FILLS)
OBJECT_KEYS = ("boxes", "labels", "crowd", "difficult", "box", "keypoints", "masks", "proposals")
KNOWN_KEYS = (*PIXEL_KEYS, *OBJECT_KEYS)
LOST_KEYS = ("areas",)
"""Keys that evaluation reads from the data set, and that do not follow a transform."""

CURVED_POINTS_PER_SIDE = 16


def as_tensors(sample: dict) -> dict:
    """Converts the entries that are transformed to tensors, and maps to int32."""
    tensors = {
        key: tf.convert_to_tensor(value)
        if key in KNOWN_KEYS and not isinstance(value, LazyImage)
        else value
        for key, value in sample.items()
    }
    return tensors | {key: tf.cast(tensors[key], tf.int32) for key in MAP_FILLS if key in tensors}


def source_size(sample: dict) -> tf.Tensor:
    """Returns the (2,) int32 height and width of the sample's pixels."""
    image = sample.get("image")
    if isinstance(image, LazyImage):
        return tf.stack([image.height, image.width])
    keys = [key for key in PIXEL_KEYS if key in sample]
    if not keys:
        raise InputError(f"the sample has no pixels; add one of {', '.join(PIXEL_KEYS)}.")
    first = sample[keys[0]].shape[:2]
    for key in keys:
        shape = sample[key].shape
        expected = 3 if key == "image" else 2
        if shape.rank != expected:
            form = "(H, W, C)" if expected == 3 else "(H, W)"
            raise InputError(f"{key} must have the shape {form}, not {shape}.")
        if not shape[:2].is_compatible_with(first):
            raise InputError(
                f"{key} must be {first[0]}x{first[1]} as {keys[0]}, not {shape[0]}x{shape[1]}."
            )
    return tf.shape(sample[keys[0]])[:2]


def check_objects(sample: dict) -> None:
    """Raises InputError if the masks lack boxes, or have a wrong shape."""
    if "masks" not in sample:
        return
    if "boxes" not in sample:
        raise InputError("masks are relative to their boxes; add boxes to the sample.")
    shape, rows = sample["masks"].shape, sample["boxes"].shape[:1]
    if shape.rank != 3 or not shape[:1].is_compatible_with(rows):
        raise InputError(f"masks must have the shape (N, M, M), N = {rows[0]} boxes, not {shape}.")


def _swap_on_reflection(
    keypoints: tf.Tensor, matrix: tf.Tensor, flipped: bool, flip_pairs: Sequence | None
) -> tf.Tensor:
    reflection = determinant(matrix) < 0
    if flip_pairs is None:
        if flipped or tf.get_static_value(reflection):
            raise InputError(
                "flip_pairs is missing; give the pairs of (left, right) keypoints that a flip "
                "swaps, or () if there are none."
            )
        return keypoints
    order = flipped_keypoint_order(flip_pairs, keypoints.shape[-2])
    return tf.where(reflection, tf.gather(keypoints, order, axis=-2), keypoints)


@tf.autograph.experimental.do_not_convert
def apply_matrix(
    sample: dict, matrix: tf.Tensor, size: Size, *, mask_size: int | None = None, **options: Any
) -> dict:
    """Transforms a sample to the model input by an affine matrix.

    Args:
        sample: sample of the schema.
        matrix: (3, 3) matrix from source to target in continuous pixel coordinates, see `matrices`.
        size: height and width of the target in pixels.
        mask_size: cells per side of the masks; None for those of the sample.
        **options: options of `transform_sample`.

    Returns:
        The sample, with a float32 image.

    Raises:
        InputError: if a shape, the size or `flip_pairs` is wrong.
    """
    moved = transform_sample(sample, matrix, check_size("size", size), **options)
    return read_masks(moved, mask_size)


def transform_sample(
    sample: dict,
    matrix: tf.Tensor,
    size: Size,
    *,
    fill: Fill = 0.0,
    flipped: bool = False,
    flip_pairs: Sequence[tuple[int, int]] | None = None,
    min_visible: float = 0.25,
    field: ElasticField | None = None,
    window: tf.Tensor | None = None,
) -> dict:
    """Transforms a sample as `apply_matrix` does, with `masks` as `ObjectMasks`.

    A box that is rotated or clipped becomes the hull of its corners or, with an outline, of the
    visible part of its object. The single `box` and the `proposals` are only clipped, zeros if
    nothing is left. Unknown keys are passed through. `fill` is the value outside the image, `field`
    an elastic displacement of the target, and `window` the (4,) `xyxy` part of the target in which
    objects are visible; None for all. `matrix` may contain a reflection if `flipped`; keypoints
    then need `flip_pairs`. Objects with less than `min_visible` of their box inside the target are
    dropped.
    """
    sample = as_tensors(sample)
    matrix = tf.ensure_shape(tf.cast(matrix, tf.float64), (3, 3))
    if any(key in sample for key in PIXEL_KEYS):
        source_size(sample)
    check_objects(sample)
    window = full_window(size) if window is None else tf.cast(window, tf.float64)
    forward, back = _forward(matrix, field), _back(matrix, field)
    sides = 1 if field is None else CURVED_POINTS_PER_SIDE
    moved = {key: value for key, value in sample.items() if key not in LOST_KEYS}
    if "image" in sample:
        moved["image"] = _sample_pixels(sample["image"], matrix, size, fill, field)
    for key, outside in MAP_FILLS.items():
        if key in sample:
            moved[key] = sample_map(sample[key], matrix, size, outside, field)
    if "box" in sample:
        moved["box"] = transform_boxes(sample["box"][None], forward, window, 0.0, sides)[0][0]
    if "proposals" in sample:
        moved["proposals"] = transform_boxes(sample["proposals"], forward, window, 0.0, sides)[0]
    if "keypoints" in sample:
        keypoints = transform_keypoints(sample["keypoints"], forward, window)
        moved["keypoints"] = _swap_on_reflection(keypoints, matrix, flipped, flip_pairs)
    if "boxes" not in sample:
        return moved
    least = min_visible_of(sample, min_visible)
    moved["boxes"], visible, cut = transform_boxes(sample["boxes"], forward, window, least, sides)
    if "masks" in sample:
        masks = ObjectMasks(sample["masks"], sample["boxes"], back)
        rotated = field is not None or ~_keeps_axes(matrix)
        moved["boxes"] = masks.tighten(moved["boxes"], visible & (cut | rotated) & masks.outlined)
        moved["masks"] = masks
        visible &= areas(moved["boxes"]) > 0
    return keep_objects(moved, visible)


def _sample_pixels(
    image: tf.Tensor | LazyImage,
    matrix: tf.Tensor,
    size: Size,
    fill: Fill,
    field: ElasticField | None,
) -> tf.Tensor:
    if not isinstance(image, LazyImage):
        return sample_image(image, matrix, size, fill, field)
    # A reflected border or a displacement reads pixels that the matrix alone does not determine.
    pixels, onto = image.visible(matrix, size, whole=fill == REFLECT or field is not None)
    sampled = sample_image(pixels, onto, size, REFLECT if fill == REFLECT else EDGE, field)
    if fill == REFLECT:
        return sampled
    return fill_outside(sampled, matrix, fill, tf.stack([image.height, image.width]), field)


def read_masks(sample: dict, mask_size: int | None = None) -> dict:
    """Resamples the `ObjectMasks` of a sample to (N, M, M) uint8; M = `mask_size` or as before."""
    masks = sample.get("masks")
    if not isinstance(masks, ObjectMasks):
        return sample
    return {**sample, "masks": masks.crop(sample["boxes"], mask_size)}


def _keeps_axes(matrix: tf.Tensor) -> tf.Tensor:
    """Returns whether a matrix keeps boxes axis-aligned: right angles only, no shear."""
    diagonal = tf.abs(matrix[0, 0]) + tf.abs(matrix[1, 1])
    across = tf.abs(matrix[0, 1]) + tf.abs(matrix[1, 0])
    return tf.minimum(diagonal, across) < 1e-9 * tf.maximum(diagonal, across)


def _forward(matrix: tf.Tensor, field: ElasticField | None):
    def forward(points: tf.Tensor) -> tf.Tensor:
        moved = tf.stack(map_points(matrix, points[..., 0], points[..., 1]), axis=-1)
        return moved if field is None else field.forward(moved)

    return forward


def _back(matrix: tf.Tensor, field: ElasticField | None):
    inverse = tf.linalg.inv(matrix)

    def back(points: tf.Tensor) -> tf.Tensor:
        if field is not None:
            points = points + field.at(points)
        return tf.stack(map_points(inverse, points[..., 0], points[..., 1]), axis=-1)

    return back
