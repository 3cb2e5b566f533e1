"""One matrix moves everything in a sample: picture, maps, boxes and keypoints, each once."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from training.augment.annotations import move_keypoints, move_objects, swapped_joints
from training.augment.elastic import ElasticField
from training.augment.matrices import determinant
from training.augment.sampling import Fill, Size, map_points, sample_map, sample_picture
from zoo.errors import InputError
from zoo.tasks.schema import IGNORE

MAP_FILLS = {"segmentation": IGNORE, "instances": 0}
PIXEL_KEYS = ("image", *MAP_FILLS)
KNOWN_KEYS = (*PIXEL_KEYS, "boxes", "labels", "crowd", "difficult", "box", "keypoints")
CURVED_POINTS_PER_SIDE = 16


def as_tensors(sample: dict) -> dict:
    """`sample` with the entries that geometry moves as tensors, its maps as int32."""
    tensors = {
        key: tf.convert_to_tensor(value) if key in KNOWN_KEYS else value
        for key, value in sample.items()
    }
    return tensors | {key: tf.cast(tensors[key], tf.int32) for key in MAP_FILLS if key in tensors}


def source_size(sample: dict) -> tf.Tensor:
    """(2,) int32 height and width of the sample's pixels.

    Raises InputError when the sample has no pixels, or pixels of different sizes.
    """
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
) -> dict:
    """Move `sample` onto a canvas of `size` = (height, width) through a 3x3 affine `matrix`.

    matrix: (3, 3), source to target on continuous pixel coordinates (see `matrices`).
    fill: what the picture shows outside: a number, one per channel, or "reflect"; maps get
        255 (segmentation) and 0 (instances).
    flipped: whether `matrix` may reflect; then keypoints need `joint_pairs`, checked when the
        graph is built. Joints change places exactly where the matrix does reflect.
    min_kept: fraction of a box that must stay on the canvas, else the object is dropped.
    field: elastic displacement on the target canvas, applied in the same resampling.

    Returns the sample with a float32 picture; keys it does not know are passed on unchanged.
    Raises InputError on a wrong size, on pixels of wrong shapes and on missing or wrong pairs.
    """
    size = check_size(size)
    sample = as_tensors(sample)
    matrix = tf.ensure_shape(tf.cast(matrix, tf.float64), (3, 3))
    if any(key in sample for key in PIXEL_KEYS):
        source_size(sample)
    forward = _forward(matrix, field)
    points_per_side = 1 if field is None else CURVED_POINTS_PER_SIDE
    moved = dict(sample)
    if "image" in sample:
        moved["image"] = sample_picture(sample["image"], matrix, size, fill, field)
    for key, outside in MAP_FILLS.items():
        if key in sample:
            moved[key] = sample_map(sample[key], matrix, size, outside, field)
    moved.update(move_objects(sample, forward, size, min_kept, points_per_side))
    if "keypoints" in sample:
        keypoints = move_keypoints(moved["keypoints"], forward, size)
        moved["keypoints"] = _swap_on_reflection(keypoints, matrix, flipped, joint_pairs)
    return moved


def _forward(matrix: tf.Tensor, field: ElasticField | None):
    def forward(points: tf.Tensor) -> tf.Tensor:
        moved = tf.stack(map_points(matrix, points[..., 0], points[..., 1]), axis=-1)
        return moved if field is None else field.forward(moved)

    return forward
