"""Geometry: painted objects and their labels match after each transform."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from training.data.augment import Augmentation, apply_matrix, augment, matrices
from training.data.augment.annotation_geometry import flipped_keypoint_order
from zoo.errors import InputError

CLASS, NUMBER = 3, 7


def painted(seed, height, width):
    """A black image with one white rectangle and all its labels."""
    random = np.random.default_rng(seed)
    x1, y1 = random.integers(1, width // 2), random.integers(1, height // 2)
    x2, y2 = random.integers(x1 + 5, width), random.integers(y1 + 5, height)
    image = np.zeros((height, width, 3), np.uint8)
    image[y1:y2, x1:x2] = 255
    lit = image[..., 0] > 0
    corners = [[x1, y1, 2], [x2, y1, 2], [x2, y2, 1], [x1, y2, 2]]
    return {
        "image": image,
        "segmentation": np.where(lit, CLASS, 0).astype(np.int32),
        "instances": np.where(lit, NUMBER, 0).astype(np.int32),
        "boxes": np.array([[x1, y1, x2, y2], [0, 0, 0, 0]], np.float32),
        "labels": np.array([CLASS, -1], np.int32),
        "box": np.array([x1, y1, x2, y2], np.float32),
        "keypoints": np.array([corners, np.zeros((4, 3))], np.float32),
        "crowd": np.array([True, False]),
        "label": np.int32(CLASS),
    }


def hull(lit):
    """xyxy box around the true pixels of (H, W)."""
    rows, columns = np.nonzero(lit.any(axis=1))[0], np.nonzero(lit.any(axis=0))[0]
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def numpy(sample):
    return {key: np.asarray(value) for key, value in sample.items()}


def centers(size):
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return x, y


def back(matrix, size):
    """float64 source positions of the target's pixel centers, from the definition."""
    x, y = centers(size)
    source = np.linalg.inv(matrix) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    return source[0].reshape(size), source[1].reshape(size)


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
@pytest.mark.parametrize("seed", range(6))
def test_painted_rectangle_stays_in_its_box(seed, resize):
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(30, 90, 2))
    size = tuple(int(side) for side in random.integers(41, 97, 2))
    augmentation = Augmentation(
        flip_horizontal=0.5, flip_vertical=0.5, scale=(0.7, 1.4), translate=0.1, min_visible=0.0
    )
    sample = painted(seed, height, width)
    moved = numpy(augment(sample, (seed, 9), augmentation, size, resize, flip_pairs=()))
    found = moved["instances"] == NUMBER
    np.testing.assert_array_equal(moved["segmentation"] == CLASS, found)
    if not found.any():
        np.testing.assert_array_equal(moved["labels"], [-1, -1])
        return
    np.testing.assert_allclose(moved["boxes"][0], hull(found), atol=0.51)
    np.testing.assert_allclose(moved["boxes"][0], moved["box"])
    # Anti-aliasing may spread the edge over the two pixels next to it.
    assert ((moved["image"][..., 0] > 127) != found).sum() <= 2 * (found.shape[0] + found.shape[1])
    np.testing.assert_array_equal(moved["labels"], [CLASS, -1])
    np.testing.assert_array_equal(moved["boxes"][1], np.zeros(4))
    seen = moved["keypoints"][0][moved["keypoints"][0, :, 2] > 0]
    box = moved["boxes"][0]
    near_x = np.minimum(abs(seen[:, 0] - box[0]), abs(seen[:, 0] - box[2]))
    near_y = np.minimum(abs(seen[:, 1] - box[1]), abs(seen[:, 1] - box[3]))
    assert np.all(near_x < 1e-3) and np.all(near_y < 1e-3)
    assert moved["label"] == CLASS


@pytest.mark.parametrize("seed", range(6))
def test_turned_rectangle_touches_every_side_of_its_box(seed):
    augmentation = Augmentation(rotate=180, shear=15, scale=(0.4, 0.55), flip_horizontal=0.5)
    sample = painted(seed, 47, 63)
    moved = numpy(augment(sample, (seed, 1), augmentation, (150, 151), flip_pairs=()))
    found = moved["instances"] == NUMBER
    assert moved["labels"][0] == CLASS and (moved["keypoints"][0, :, 2] > 0).all()
    np.testing.assert_allclose(moved["boxes"][0], hull(found), atol=1.5)
    x, y = moved["keypoints"][0, :, 0], moved["keypoints"][0, :, 1]
    np.testing.assert_allclose(moved["boxes"][0], [x.min(), y.min(), x.max(), y.max()], atol=1e-3)
    # The map and the image come from the same source positions.
    agree = (moved["image"][..., 0] > 127) == found
    assert agree.mean() > 0.98


@pytest.mark.parametrize("seed", range(5))
def test_keypoints_are_where_their_dots_are(seed):
    random = np.random.default_rng(seed)
    height, width = 61, 83
    image = np.zeros((height, width, 4), np.float32)
    keypoints = np.zeros((4, 3), np.float32)
    for joint in range(4):
        row, column = random.integers(15, height - 15), random.integers(15, width - 15)
        image[row - 1 : row + 2, column - 1 : column + 2, joint] = 255
        keypoints[joint] = column + 0.5, row + 0.5, 2
    augmentation = Augmentation(rotate=40, shear=10, scale=(0.6, 0.7), flip_horizontal=0.5)
    sample = {"image": image, "keypoints": keypoints}
    moved = numpy(augment(sample, (seed, 4), augmentation, (180, 160), flip_pairs=()))
    x, y = centers((180, 160))
    for joint, (kx, ky, visible) in enumerate(moved["keypoints"]):
        weight = moved["image"][..., joint].astype(np.float64)
        assert visible == 2
        middle = (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
        np.testing.assert_allclose([kx, ky], middle, atol=0.1)


@pytest.mark.parametrize("border", ["nearest", "reflect"])
@pytest.mark.parametrize("seed", range(4))
def test_image_equals_scipy(seed, border):
    random = np.random.default_rng(seed)
    image = random.uniform(0, 255, (23, 31, 1)).astype(np.float32)
    matrix = np.asarray(
        matrices.compose(
            matrices.rotation(random.uniform(-180, 180), (15, 11)),
            matrices.scaling(random.uniform(0.8, 2), random.uniform(0.8, 2)),
            matrices.translation(*random.uniform(-5, 5, 2)),
        )
    )
    size = (37, 29)
    fill = "reflect" if border == "reflect" else 77.0
    moved = np.asarray(apply_matrix({"image": image}, matrix, size, fill=fill)["image"])[..., 0]
    x, y = back(matrix, size)
    expected = scipy.ndimage.map_coordinates(
        image[..., 0].astype(np.float64), [y - 0.5, x - 0.5], order=1, mode=border
    )
    if border == "nearest":
        within = (x >= 0) & (x < 31) & (y >= 0) & (y < 23)
        expected = np.where(within, expected, 77.0)
    np.testing.assert_allclose(moved, expected, atol=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_maps_equal_numpy(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 20, (25, 18)).astype(np.int32)
    matrix = np.asarray(
        matrices.compose(
            matrices.shearing(20, (9, 12)),
            matrices.rotation(random.uniform(-180, 180), (9, 12)),
            matrices.scaling(random.uniform(0.3, 2.5)),
        )
    )
    size = (33, 40)
    moved = numpy(apply_matrix({"segmentation": labels, "instances": labels}, matrix, size))
    x, y = back(matrix, size)
    within = (x >= 0) & (x < 18) & (y >= 0) & (y < 25)
    read = labels[np.clip(y, 0, 24).astype(int), np.clip(x, 0, 17).astype(int)]
    sure = np.minimum(abs(x - np.round(x)), abs(y - np.round(y))) > 1e-4
    np.testing.assert_array_equal(moved["segmentation"][sure], np.where(within, read, 255)[sure])
    np.testing.assert_array_equal(moved["instances"][sure], np.where(within, read, 0)[sure])


FOUR = np.arange(1, 17, dtype=np.int32).reshape(4, 4)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (matrices.identity(), FOUR),
        (matrices.flip_horizontal(4), FOUR[:, ::-1]),
        (matrices.flip_vertical(4), FOUR[::-1]),
        (matrices.rotation(90, (2, 2)), np.rot90(FOUR, -1)),
        (matrices.rotation(180, (2, 2)), FOUR[::-1, ::-1]),
        (
            matrices.translation(1, 2),
            [[255] * 4, [255] * 4, [255, 1, 2, 3], [255, 5, 6, 7]],
        ),
        (
            matrices.crop(2, 1),
            [[7, 8, 255, 255], [11, 12, 255, 255], [15, 16, 255, 255], [255] * 4],
        ),
        (matrices.scaling(2), [[1, 1, 2, 2], [1, 1, 2, 2], [5, 5, 6, 6], [5, 5, 6, 6]]),
    ],
)
def test_four_by_four_by_hand(matrix, expected):
    sample = {"segmentation": FOUR, "image": FOUR[..., None].astype(np.float32)}
    moved = numpy(apply_matrix(sample, matrix, (4, 4), fill=255))
    expected = np.asarray(expected)
    np.testing.assert_array_equal(moved["segmentation"], expected)
    if np.asarray(matrix)[0, 0] != 2:
        np.testing.assert_allclose(moved["image"][..., 0], expected, atol=1e-4)


def test_doubling_interpolates_at_half_pixels():
    image = np.array([[0, 100]], np.float32)[..., None]
    moved = apply_matrix({"image": image}, matrices.scaling(2), (2, 4))["image"]
    np.testing.assert_allclose(moved[0, :, 0], [0, 25, 75, 100], atol=1e-4)


def test_composition_runs_in_the_written_order():
    point = np.array([3.0, 5.0, 1.0])
    matrix = matrices.compose(
        matrices.translation(1, 2), matrices.scaling(2, 3), matrices.flip_horizontal(20)
    )
    np.testing.assert_allclose(np.asarray(matrix) @ point, [20 - (3 + 1) * 2, (5 + 2) * 3, 1])
    there = matrices.rotation(33, (4, 9))
    back_again = matrices.rotation(-33, (4, 9))
    np.testing.assert_allclose(matrices.compose(there, back_again), np.eye(3), atol=1e-12)


def test_composed_once_equals_one_after_the_other_when_pixels_fall_on_pixels():
    random = np.random.default_rng(0)
    image = random.uniform(0, 255, (12, 12, 3)).astype(np.float32)
    first, second = matrices.rotation(90, (6, 6)), matrices.flip_vertical(12)
    once = apply_matrix({"image": image}, matrices.compose(first, second), (12, 12))["image"]
    step = apply_matrix({"image": image}, first, (12, 12))
    twice = apply_matrix(step, second, (12, 12))["image"]
    np.testing.assert_allclose(once, twice, atol=1e-2)


def test_composed_once_is_sharper_than_resampling_twice():
    image = np.indices((32, 32)).sum(axis=0)[..., None] % 2 * 255.0
    there, half = matrices.translation(0.5, 0.5), matrices.translation(0.5, 0.5)
    once = apply_matrix({"image": image}, matrices.compose(there, half), (32, 32))["image"]
    twice = apply_matrix(apply_matrix({"image": image}, there, (32, 32)), half, (32, 32))["image"]
    assert np.std(once[4:28, 4:28]) > 100 and np.std(twice[4:28, 4:28]) < 10


def test_shrinking_is_anti_aliased_and_keeps_the_mean():
    noise = np.random.default_rng(0).integers(0, 2, (128, 128, 1)) * 255.0
    matrix = matrices.compose(matrices.rotation(20, (64, 64)), matrices.scaling(0.25))
    moved = np.asarray(apply_matrix({"image": noise}, matrix, (32, 32))["image"])[8:24, 8:24]
    # Bilinear interpolation alone reads 4 of every 16 pixels and leaves a spread near 60.
    assert np.std(moved) < 25 and abs(np.mean(moved) - 127.5) < 6


def test_flip_swaps_left_and_right_joints():
    keypoints = np.array([[2, 3, 2], [8, 3, 1], [5, 1, 2]], np.float32)
    sample = {"keypoints": keypoints}
    flip = matrices.flip_horizontal(10)
    moved = apply_matrix(sample, flip, (6, 10), flipped=True, flip_pairs=[(0, 1)])["keypoints"]
    np.testing.assert_allclose(moved, [[2, 3, 1], [8, 3, 2], [5, 1, 2]])
    kept = apply_matrix(sample, flip, (6, 10), flipped=True, flip_pairs=())["keypoints"]
    np.testing.assert_allclose(kept, [[8, 3, 2], [2, 3, 1], [5, 1, 2]])
    both = matrices.compose(flip, matrices.flip_vertical(6))
    turned = apply_matrix(sample, both, (6, 10), flipped=True, flip_pairs=[(0, 1)])["keypoints"]
    np.testing.assert_allclose(turned, [[8, 3, 2], [2, 3, 1], [5, 5, 2]])


def test_flip_of_keypoints_without_pairs_fails_when_the_graph_is_built():
    sample = {"keypoints": np.zeros((3, 3), np.float32)}
    with pytest.raises(ValueError, match="flip_pairs is missing"):
        apply_matrix(sample, matrices.flip_horizontal(10), (6, 10))
    sample["image"] = np.zeros((6, 10, 3), np.uint8)
    data = tf.data.Dataset.from_tensors(sample)
    augmentation = Augmentation(flip_horizontal=0.5)
    vary = tf.autograph.experimental.do_not_convert(
        lambda sample: augment(sample, (0, 0), augmentation, (6, 10))
    )
    with pytest.raises(InputError, match="flip_pairs is missing") as error:
        data.map(vary)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("pairs", [[(0, 3)], [(0, 1), (1, 2)], [(1, 1)], [(-1, 0)]])
def test_wrong_flip_pairs(pairs):
    with pytest.raises(ValueError, match="flip_pairs: "):
        flipped_keypoint_order(pairs, 3)


def test_objects_that_leave_are_dropped_in_place():
    sample = {
        "boxes": np.array([[0, 0, 4, 4], [10, 0, 14, 4], [8, 0, 12, 4]], np.float32),
        "labels": np.array([1, 2, 3], np.int32),
        "difficult": np.array([True, True, True]),
        "keypoints": np.array([[[1, 1, 2]], [[11, 1, 2]], [[9, 1, 2]]], np.float32),
    }
    moved = numpy(apply_matrix(sample, matrices.identity(), (6, 9), min_visible=0.3))
    np.testing.assert_array_equal(moved["labels"], [1, -1, -1])
    np.testing.assert_array_equal(moved["difficult"], [True, False, False])
    np.testing.assert_array_equal(moved["boxes"], [[0, 0, 4, 4], [0] * 4, [0] * 4])
    np.testing.assert_array_equal(moved["keypoints"][:, 0, 2], [2, 0, 0])
    moved = numpy(apply_matrix(sample, matrices.identity(), (6, 9), min_visible=0.25))
    np.testing.assert_array_equal(moved["labels"], [1, -1, 3])
    np.testing.assert_array_equal(moved["boxes"][2], [8, 0, 9, 4])


def test_no_objects_and_boxes_without_area():
    sample = {
        "image": np.zeros((7, 9, 1), np.uint8),
        "boxes": np.zeros((0, 4), np.float32),
        "labels": np.zeros((0,), np.int32),
        "crowd": np.zeros((0,), bool),
        "keypoints": np.zeros((0, 5, 3), np.float32),
    }
    augmentation = Augmentation(rotate=30, elastic=2, flip_horizontal=0.5)
    moved = augment(sample, (1, 1), augmentation, (11, 5), flip_pairs=())
    assert moved["boxes"].shape == (0, 4) and moved["keypoints"].shape == (0, 5, 3)
    flat = {"boxes": np.array([[2, 2, 2, 5]], np.float32), "labels": np.array([0], np.int32)}
    moved = apply_matrix(flat, matrices.rotation(30), (9, 9))
    assert int(moved["labels"][0]) == -1


def test_unknown_keys_pass_and_fill_can_be_one_color_per_channel():
    sample = {"image": np.zeros((4, 4, 3), np.uint8), "captions": np.ones((2, 5)), "name": "x.png"}
    moved = apply_matrix(sample, matrices.translation(2, 0), (4, 4), fill=(1.0, 2.0, 3.0))
    assert moved["name"] == "x.png" and moved["captions"] is sample["captions"]
    np.testing.assert_array_equal(moved["image"][0, 0], [1, 2, 3])
    np.testing.assert_array_equal(moved["image"][0, 2], [0, 0, 0])
