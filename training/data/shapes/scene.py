"""Generated scenes with labels for every task of the zoo.

`draw_scene(seed, index)` gives the same scene on every machine: it uses raw random words,
rounded sines and otherwise only operations that IEEE 754 defines to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index as as_integer

import numpy as np

from training.data.shapes.backgrounds import draw_background
from training.data.shapes.figure_poses import JOINTS, POSES
from training.data.shapes.scene_captions import describe
from training.data.shapes.scene_layout import arrange_crowd, arrange_one, keep_visible
from training.data.shapes.scene_objects import CLASSES, COLORS, SceneObject
from training.data.shapes.scene_random import Draws
from zoo.argument_checks import check_choice

VARIANTS = ("scene", "single", "figure")
MIN_SIDE = 32


@dataclass(frozen=True)
class Scene:
    """An image and its labels; N objects, later ones in front.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        segmentation: (H, W) int32, 0 = background, else 1 + the object's class.
        instances: (H, W) uint16, 0 = background, else 1 + the object's index.
        boxes: (N, 4) float32, xyxy in pixels around each object's visible pixels, where x0 is
            the first such column and x1 the last plus one.
        labels: (N,) int32, index into `CLASSES`.
        keypoints: (N, 14, 3) float32: x, y in pixels and visibility, in the order of `JOINTS`;
            0 = no figure or outside the image (then x = y = 0), 1 = behind another object,
            2 = visible.
        poses: (N,) int32, index into `POSES`; −1 = no figure.
        colors: (N,) int32, index into `COLORS`.
        captions: N sentences in plain English.
        label: () int32, class of the single object; −1 unless there is exactly one.
        box: (4,) float32, box of the single object; zeros unless there is exactly one.
    """

    image: np.ndarray
    segmentation: np.ndarray
    instances: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    keypoints: np.ndarray
    poses: np.ndarray
    colors: np.ndarray
    captions: list[str]
    label: np.int32
    box: np.ndarray


def draw_scene(
    seed: int, index: int, size: tuple[int, int] = (128, 128), variant: str = "scene"
) -> Scene:
    """Draws one scene.

    Args:
        seed: seed of the data set, at least 0.
        index: index of the scene, at least 0.
        size: height and width in pixels, each at least 32.
        variant: `scene` has up to six objects that may occlude each other, and none in one of
            twelve images; `single` has one whole object; `figure` has one stick figure.

    Raises:
        ValueError: if the seed or index is negative, a side below 32 or the variant unknown.
    """
    check_choice("variant", variant, VARIANTS)
    seed, index = as_integer(seed), as_integer(index)
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be at least 0, not {seed} and {index}.")
    sides = tuple(as_integer(side) for side in size)
    if len(sides) != 2 or min(sides) < MIN_SIDE:
        raise ValueError(f"size must be (height, width), each at least {MIN_SIDE}, not {size}.")
    size = sides
    draws = Draws(seed, index)
    image = draw_background(draws, size)
    if variant == "scene":
        objects = arrange_crowd(draws, size)
    else:
        objects = [arrange_one(draws, size, figure=variant == "figure")]
    objects, instances = keep_visible(objects, size)
    for item in objects:
        target, window = item.cropped(size)
        region = image[target]
        region += (item.paint[window] - region) * item.coverage[window][..., None]
    pixels = np.rint(np.minimum(np.maximum(image, 0), 255)).astype(np.uint8)
    return _labeled(pixels, instances, objects)


def _labeled(image: np.ndarray, instances: np.ndarray, objects: list[SceneObject]) -> Scene:
    count, size = len(objects), instances.shape
    labels = np.array([item.label for item in objects], np.int32)
    classes = np.concatenate([np.zeros(1, np.int32), labels + np.int32(1)])
    boxes = np.zeros((count, 4), np.float32)
    keypoints = np.zeros((count, len(JOINTS), 3), np.float32)
    for number, item in enumerate(objects):
        boxes[number] = _tight_box(instances, number + 1, item)
        for joint, (x, y) in enumerate(item.joints):
            if 0 <= x < size[1] and 0 <= y < size[0]:
                covered = instances[int(y), int(x)] > number + 1
                keypoints[number, joint] = (x, y, 1 if covered else 2)
    names = tuple(COLORS)
    captions = describe(
        boxes,
        [CLASSES[item.label] for item in objects],
        [names[item.color] for item in objects],
        [POSES[item.pose] if item.pose >= 0 else "" for item in objects],
        size,
    )
    alone = count == 1
    return Scene(
        image=image,
        segmentation=classes[instances],
        instances=instances,
        boxes=boxes,
        labels=labels,
        keypoints=keypoints,
        poses=np.array([item.pose for item in objects], np.int32),
        colors=np.array([item.color for item in objects], np.int32),
        captions=captions,
        label=np.int32(labels[0] if alone else -1),
        box=boxes[0].copy() if alone else np.zeros(4, np.float32),
    )


def _tight_box(instances: np.ndarray, number: int, item: SceneObject) -> tuple[int, int, int, int]:
    """Returns x0, y0, x1, y1 around the visible pixels of an object."""
    image, _ = item.cropped(instances.shape)
    visible = instances[image] == number
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    top, left = image[0].start, image[1].start
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )
