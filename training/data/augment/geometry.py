"""One matrix moves everything in a sample: image, maps, boxes, masks and keypoints, each once."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from training.data.augment.annotation_geometry import (
    areas,
    canvas_window,
    drop_objects,
    least_kept,
    move_boxes,
    move_keypoints,
    swapped_joints,
)
from training.data.augment.elastic import ElasticField
from training.data.augment.lazy_image import LazyImage
from training.data.augment.mask_geometry import ObjectMasks
from training.data.augment.matrices import determinant
from training.data.augment.resampling import (
    EDGE,
    REFLECT,
    Fill,
    Size,
    filled_outside,
    map_points,
    sample_image,
    sample_map,
)
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE

MAP_FILLS = {"segmentation": IGNORE, "instances": 0}
PIXEL_KEYS = ("image", *MAP_FILLS)
OBJECT_KEYS = ("boxes", "labels", "crowd", "difficult", "box", "keypoints", "masks", "proposals")
KNOWN_KEYS = (*PIXEL_KEYS, *OBJECT_KEYS)
CURVED_POINTS_PER_SIDE = 16


def as_tensors(sample: dict) -> dict:
    """`sample` with the entries that geometry moves as tensors, its maps as int32."""
    tensors = {
        key: tf.convert_to_tensor(value)
        if key in KNOWN_KEYS and not isinstance(value, LazyImage)
        else value
        for key, value in sample.items()
    }
    return tensors | {key: tf.cast(tensors[key], tf.int32) for key in MAP_FILLS if key in tensors}


def source_size(sample: dict) -> tf.Tensor:
    """(2,) int32 height and width of the sample's pixels.

    Raises InputError when the sample has no pixels, or pixels of different sizes.
    """
    image = sample.get("image")
    if isinstance(image, LazyImage):
        return tf.stack([image.height, image.width])
    keys = [key for key in PIXEL_KEYS if key in sample]
    if not keys:
        raise InputError(f"the sample has no pixels; give one of {', '.join(PIXEL_KEYS)}")
    first = sample[keys[0]].shape[:2]
    for key in keys:
        shape = sample[key].shape
        expected = 3 if key == "image" else 2
        if shape.rank != expected:
            form = "(H, W, C)" if expected == 3 else "(H, W)"
            raise InputError(f"{key} must have the shape {form}, not {shape}")
        if not shape[:2].is_compatible_with(first):
            raise InputError(
                f"{key} is {shape[0]}x{shape[1]} but {keys[0]} is {first[0]}x{first[1]}"
            )
    return tf.shape(sample[keys[0]])[:2]


def check_objects(sample: dict) -> None:
    """Raises InputError on masks without boxes or of a wrong shape."""
    if "masks" not in sample:
        return
    if "boxes" not in sample:
        raise InputError("masks are in the frames of their boxes; give boxes beside them")
    shape, rows = sample["masks"].shape, sample["boxes"].shape[:1]
    if shape.rank != 3 or not shape[:1].is_compatible_with(rows):
        raise InputError(f"masks must have the shape (N, M, M), N = {rows[0]} boxes, not {shape}")


def check_size(size: Sequence[int]) -> Size:
    """`size` as (height, width); raises InputError unless it is two positive whole numbers."""
    if len(size) != 2 or any(int(side) != side or side < 1 for side in size):
        raise InputError(f"size must be (height, width) in whole pixels of at least 1, not {size}")
    return int(size[0]), int(size[1])


def _swap_on_reflection(
    keypoints: tf.Tensor, matrix: tf.Tensor, flipped: bool, joint_pairs: Sequence | None
) -> tf.Tensor:
    reflection = determinant(matrix) < 0
    if joint_pairs is None:
        if flipped or tf.get_static_value(reflection):
            raise InputError(
                "a flip of keypoints needs joint_pairs, the (left, right) joints that change "
                "places; give () when there are none"
            )
        return keypoints
    order = swapped_joints(joint_pairs, keypoints.shape[-2])
    return tf.where(reflection, tf.gather(keypoints, order, axis=-2), keypoints)


# Autograph would turn an InputError into its own kind of error, of many lines.
@tf.autograph.experimental.do_not_convert
def apply_matrix(
    sample: dict,
    matrix: tf.Tensor,
    size: Size,
    *,
    fill: Fill = 0.0,
    flipped: bool = False,
    joint_pairs: Sequence[tuple[int, int]] | None = None,
    min_kept: float = 0.25,
    field: ElasticField | None = None,
    mask_size: int | None = None,
) -> dict:
    """Move `sample` onto a canvas of `size` = (height, width) through a 3x3 affine `matrix`.

    matrix: (3, 3), source to target on continuous pixel coordinates (see `matrices`).
    fill: what the image shows outside: a number, one per channel, or "reflect"; maps get
        255 (segmentation) and 0 (instances).
    flipped: whether `matrix` may reflect; then keypoints need `joint_pairs`, checked when the
        graph is built. Joints change places exactly where the matrix does reflect.
    min_kept: fraction of a box that must stay on the canvas, else the object is dropped: label
        -1, zeros elsewhere in its row. Of a crowd region, whatever is left is kept.
    field: elastic displacement on the target canvas, applied in the same resampling.
    mask_size: cells a side of the masks that come out; None for as many as came in.

    Returns the sample with a float32 image; keys it does not know are passed on unchanged. A
    box that is turned or cut is a hull of its corners; with masks, of what is seen of the object.
    The one object `box` and the `proposals` are only cut, zeros when nothing is left of them.
    Raises InputError on a wrong size, on pixels of wrong shapes and on missing or wrong pairs.
    """
    moved = transform(
        sample,
        matrix,
        size,
        fill=fill,
        flipped=flipped,
        joint_pairs=joint_pairs,
        min_kept=min_kept,
        field=field,
    )
    return with_masks(moved, mask_size)


def transform(
    sample: dict,
    matrix: tf.Tensor,
    size: Size,
    *,
    fill: Fill = 0.0,
    flipped: bool = False,
    joint_pairs: Sequence[tuple[int, int]] | None = None,
    min_kept: float = 0.25,
    field: ElasticField | None = None,
    window: tf.Tensor | None = None,
) -> dict:
    """As `apply_matrix`, but `masks` is an `ObjectMasks` still to be read, see `with_masks`.

    window: (4,) `xyxy`, the part of the canvas on which objects count; None for all of it.
    """
    size = check_size(size)
    sample = as_tensors(sample)
    matrix = tf.ensure_shape(tf.cast(matrix, tf.float64), (3, 3))
    if any(key in sample for key in PIXEL_KEYS):
        source_size(sample)
    check_objects(sample)
    window = canvas_window(size) if window is None else tf.cast(window, tf.float64)
    forward, back = _forward(matrix, field), _back(matrix, field)
    sides = 1 if field is None else CURVED_POINTS_PER_SIDE
    moved = dict(sample)
    if "image" in sample:
        moved["image"] = _sampled(sample["image"], matrix, size, fill, field)
    for key, outside in MAP_FILLS.items():
        if key in sample:
            moved[key] = sample_map(sample[key], matrix, size, outside, field)
    if "box" in sample:
        moved["box"] = move_boxes(sample["box"][None], forward, window, 0.0, sides)[0][0]
    if "proposals" in sample:
        moved["proposals"] = move_boxes(sample["proposals"], forward, window, 0.0, sides)[0]
    if "keypoints" in sample:
        keypoints = move_keypoints(sample["keypoints"], forward, window)
        moved["keypoints"] = _swap_on_reflection(keypoints, matrix, flipped, joint_pairs)
    if "boxes" not in sample:
        return moved
    least = least_kept(sample, min_kept)
    moved["boxes"], kept, cut = move_boxes(sample["boxes"], forward, window, least, sides)
    if "masks" in sample:
        masks = ObjectMasks(sample["masks"], sample["boxes"], back)
        turned = field is not None or ~_keeps_axes(matrix)
        moved["boxes"] = masks.hug(moved["boxes"], kept & (cut | turned))
        moved["masks"] = masks
        kept &= areas(moved["boxes"]) > 0
    return drop_objects(moved, kept)


def _sampled(
    image: tf.Tensor | LazyImage,
    matrix: tf.Tensor,
    size: Size,
    fill: Fill,
    field: ElasticField | None,
) -> tf.Tensor:
    if not isinstance(image, LazyImage):
        return sample_image(image, matrix, size, fill, field)
    # A mirrored border or a displacement looks at places that the matrix alone does not tell.
    pixels, onto = image.seen(matrix, size, everything=fill == REFLECT or field is not None)
    shown = sample_image(pixels, onto, size, REFLECT if fill == REFLECT else EDGE, field)
    if fill == REFLECT:
        return shown
    return filled_outside(shown, matrix, fill, tf.stack([image.height, image.width]), field)


def with_masks(sample: dict, mask_size: int | None = None) -> dict:
    """`sample` with its masks read, (N, M, M) uint8 in the frames of its boxes.

    mask_size: M; None for as many cells as they came with.
    """
    masks = sample.get("masks")
    if not isinstance(masks, ObjectMasks):
        return sample
    return {**sample, "masks": masks.in_frames(sample["boxes"], mask_size)}


def _keeps_axes(matrix: tf.Tensor) -> tf.Tensor:
    """Whether upright boxes stay upright boxes: no turn but by right angles, no shear."""
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
