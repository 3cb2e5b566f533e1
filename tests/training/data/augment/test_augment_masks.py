"""Box-frame masks through the geometry: against painted pixels and against the definition."""

import numpy as np
import painted_scenes as scenes
import pytest
import tensorflow as tf

from training.data.augment import (
    Augmentation,
    apply_matrix,
    augment,
    combine,
    matrices,
    resize_sample,
)
from zoo.errors import InputError

TURNS = Augmentation(
    flip_horizontal=0.5, flip_vertical=0.5, rotate=180, shear=15, scale=(0.7, 1.6), translate=0.2
)


@pytest.mark.parametrize("resize", ["letterbox", "crop"])
def test_every_label_follows_the_painted_objects(resize):
    seen = 0
    vary = tf.function(
        lambda sample, seed: augment(sample, seed, TURNS, (150, 170), resize, (), mask_size=56),
        autograph=False,
    )
    for seed in range(8):
        sample = scenes.scene(seed, 120, 140)
        sample["texts"] = tf.constant(sample["texts"])
        moved = scenes.numpy(vary(sample, tf.constant([seed, 1])))
        assert moved["masks"].shape[1:] == (56, 56) and moved["masks"].dtype == np.uint8
        seen += scenes.check(moved)
    assert seen >= 12


def test_every_label_follows_an_elastic_field():
    seen = 0
    for seed in range(3):
        augmentation = Augmentation(elastic=6, rotate=30, scale=(1.5, 1.5))
        moved = augment(
            scenes.scene(seed, 100, 90), (seed, 2), augmentation, (150, 150), "crop", ()
        )
        seen += scenes.check(scenes.numpy(moved))
    assert seen >= 4


def by_definition(mask, box, inverse, new_box, cells):
    """float64: the bilinear value of a mask, its cells spread over `box`, at the points of the
    source that the cells of `new_box` come from."""
    share = (np.arange(cells) + 0.5) / cells
    x, y = np.meshgrid(*(new_box[i] + share * (new_box[i + 2] - new_box[i]) for i in (0, 1)))
    source = inverse @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u = (source[0] - box[0]) / (box[2] - box[0])
    v = (source[1] - box[1]) / (box[3] - box[1])
    within = (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
    u, v = u * mask.shape[1] - 0.5, v * mask.shape[0] - 0.5
    value = np.zeros(x.size)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            # Beyond the outermost centers the outermost cells go on.
            near_u = np.clip(1 - abs(np.clip(u, 0, mask.shape[1] - 1) - column), 0, 1)
            near_v = np.clip(1 - abs(np.clip(v, 0, mask.shape[0] - 1) - row), 0, 1)
            value += mask[row, column] * near_u * near_v
    return np.where(within, value, 0).reshape(cells, cells)


@pytest.mark.parametrize("cells", [None, 28, 40])
def test_masks_equal_numpy(cells):
    random = np.random.default_rng(0)
    masks = (random.uniform(size=(3, 9, 9)) < 0.5).astype(np.uint8)
    boxes = np.array([[3, 4, 20, 11], [0, 0, 0, 0], [8, 1, 30, 25]], np.float32)
    matrix = np.asarray(
        matrices.compose(
            matrices.rotation(27, (9, 12)), matrices.scaling(1.3, 0.8), matrices.translation(2, -4)
        )
    )
    sample = {"boxes": boxes, "labels": np.array([1, -1, 0], np.int32), "masks": masks}
    moved = scenes.numpy(apply_matrix(sample, matrix, (30, 40), mask_size=cells))
    assert moved["masks"].shape == (3, cells or 9, cells or 9) and not moved["masks"][1].any()
    for row in (0, 2):
        value = by_definition(
            masks[row], boxes[row], np.linalg.inv(matrix), moved["boxes"][row], cells or 9
        )
        sure = abs(value - 0.5) > 2e-3
        np.testing.assert_array_equal(moved["masks"][row][sure], (value > 0.5)[sure])
        assert sure.mean() > 0.9


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        (matrices.identity(), lambda mask: mask),
        (matrices.flip_horizontal(24), lambda mask: mask[:, ::-1]),
        (matrices.flip_vertical(24), lambda mask: mask[::-1]),
        (matrices.rotation(90, (12, 12)), lambda mask: np.rot90(mask, -1)),
        (matrices.scaling(3, 2), lambda mask: mask),
    ],
)
def test_right_angles_move_cells_exactly(matrix, turn):
    masks = np.random.default_rng(1).integers(0, 2, (2, 7, 7)).astype(np.uint8)
    boxes = np.array([[2, 3, 13, 10], [0.3, 0.7, 23.1, 21.9]], np.float32)
    sample = {"boxes": boxes, "labels": np.zeros(2, np.int32), "masks": masks}
    moved = apply_matrix(sample, matrix, (80, 80), min_visible=0)
    np.testing.assert_array_equal(moved["masks"], [turn(mask) for mask in masks])


def test_a_cut_object_has_the_box_of_its_visible_part():
    y, x = np.mgrid[:100, :100] + 0.5
    disc = ((x - 50) ** 2 + (y - 50) ** 2 < 40**2).astype(np.int32)
    sample = scenes.labeled(disc, [1])
    # The inputs shows the lower right of the disc, whose right end is above the border.
    moved = scenes.numpy(apply_matrix(sample, matrices.crop(70, 70), (60, 60), min_visible=0))
    clipped_only = np.array([0, 0, 20, 20])
    lit = moved["segmentation"] == 1
    np.testing.assert_allclose(moved["boxes"][0], scenes.hull(lit), atol=0.5)
    assert (clipped_only[2:] - moved["boxes"][0, 2:]).min() > 3
    assert scenes.overlap(scenes.pasted(moved["masks"][0], moved["boxes"][0], (60, 60)), lit) > 0.96
    # Here only the empty corner of its box is left.
    moved = scenes.numpy(apply_matrix(sample, matrices.crop(81, 81), (60, 60), min_visible=0))
    assert moved["labels"][0] == -1 and not moved["boxes"].any() and not moved["masks"].any()
    without = {key: value for key, value in sample.items() if key != "masks"}
    moved = apply_matrix(without, matrices.crop(81, 81), (60, 60), min_visible=0)
    assert int(moved["labels"][0]) == 0


def test_a_turned_object_has_the_box_of_itself_not_of_its_corners():
    y, x = np.mgrid[:100, :100] + 0.5
    disc = ((x - 50) ** 2 + (y - 50) ** 2 < 30**2).astype(np.int32)
    matrix = matrices.rotation(45, (50, 50))
    moved = apply_matrix(scenes.labeled(disc, [1]), matrix, (100, 100), mask_size=28)
    np.testing.assert_allclose(moved["boxes"][0], [20, 20, 80, 80], atol=1)


def test_a_mask_outside_of_its_box_leaves_the_box_unchanged():
    masks = np.zeros((1, 8, 8), np.uint8)
    masks[0, 3:5, 3:5] = 1
    sample = {"boxes": np.array([[4, 4, 12, 12]], np.float32), "masks": masks}
    moved = apply_matrix(sample, matrices.flip_horizontal(16), (16, 16))
    np.testing.assert_array_equal(moved["boxes"], [[4, 4, 12, 12]])
    np.testing.assert_array_equal(moved["masks"], masks)


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
def test_place_moves_masks_and_rows(resize):
    sample = scenes.scene(3, 90, 120)
    placed = scenes.numpy(resize_sample(sample, (80, 100), resize, mask_size=28))
    assert placed["masks"].shape == (3, 28, 28)
    assert scenes.check(placed, least=0.85) >= 2


def test_shapes_are_known_when_the_graph_is_built():
    sample = scenes.scene(0, 60, 70)
    sample["texts"] = tf.constant(sample["texts"])
    data = tf.data.Dataset.from_tensors(sample)
    spec = data.map(lambda s: augment(s, (0, 0), TURNS, (64, 48), "letterbox", (), 28)).element_spec
    assert spec["masks"].shape == (len(sample["boxes"]), 28, 28)
    assert spec["masks"].dtype == tf.uint8 and spec["image"].shape == (64, 48, 3)


def test_no_objects():
    sample = scenes.labeled(np.zeros((20, 30), np.int32), [])
    sample["texts"] = tf.zeros((0,), tf.string)
    augmentation = Augmentation(rotate=30, elastic=2, erase=1.0, crop="object")
    moved = augment(sample, (1, 1), augmentation, (16, 16), mask_size=28, flip_pairs=())
    assert moved["masks"].shape == (0, 28, 28) and moved["boxes"].shape == (0, 4)


def test_a_crowd_region_stays_however_little_is_left():
    sample = {
        "boxes": np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32),
        "labels": np.array([1, 1], np.int32),
        "crowd": np.array([True, False]),
    }
    moved = scenes.numpy(apply_matrix(sample, matrices.crop(9, 0), (20, 20)))
    np.testing.assert_array_equal(moved["labels"], [1, -1])
    np.testing.assert_array_equal(moved["boxes"], [[0, 0, 1, 10], [0] * 4])
    np.testing.assert_array_equal(moved["crowd"], [True, False])


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"masks": np.zeros((1, 4, 4), np.uint8)}, "add boxes to the sample"),
        (
            {"masks": np.zeros((2, 4, 4), np.uint8), "boxes": np.zeros((1, 4), np.float32)},
            r"masks must have the shape \(N, M, M\), N = 1 boxes",
        ),
    ],
)
def test_wrong_masks_get_one_clear_line(sample, message):
    with pytest.raises(InputError, match=message):
        apply_matrix(sample, matrices.identity(), (8, 8))


def boxes_and_outlines(seed):
    """A scene whose objects of odd rows have no outline."""
    scene = scenes.scene(seed, 90, 110, objects=6)
    sample = {key: np.array(value) for key, value in scene.items()}
    sample["masks"][1::2] = 255
    return {**sample, "areas": np.ones(len(sample["boxes"]))}


def test_a_box_without_outline_moves_as_in_data_without_masks():
    sample = boxes_and_outlines(3)
    turned = matrices.rotation(30, (50, 50))
    options = {"flip_pairs": (), "min_visible": 0.0}
    moved = scenes.numpy(apply_matrix(sample, turned, (80, 90), mask_size=9, **options))
    plain = {key: value for key, value in sample.items() if key != "masks"}
    expected = scenes.numpy(apply_matrix(plain, turned, (80, 90), **options))
    present = moved["labels"] >= 0
    assert present[1::2].any() and "areas" not in moved
    np.testing.assert_array_equal(moved["boxes"][1::2], expected["boxes"][1::2])
    assert (moved["boxes"][::2] != expected["boxes"][::2]).any()
    marked = (moved["masks"] == 255).all((1, 2))
    odd = np.arange(len(present)) % 2 == 1
    np.testing.assert_array_equal(marked, present & odd)
    assert (moved["masks"][~marked] <= 1).all() and not moved["masks"][~present].any()


def test_fractions_are_thresholded_at_a_half():
    mask = np.repeat(np.array([[0, 100, 200, 254]], np.uint8), 4, axis=0)
    sample = {"image": np.zeros((40, 40, 3), np.uint8), "boxes": np.float32([[0, 0, 40, 40]])}
    moved = resize_sample({**sample, "masks": mask[None]}, (40, 40), mask_size=4)
    np.testing.assert_array_equal(moved["masks"][0], mask > 127)


@pytest.mark.parametrize("mix", ["copy_paste", "mosaic", "mixup"])
def test_mixes_keep_the_mark_and_paste_no_box(mix):
    samples = [boxes_and_outlines(seed) for seed in range(4)]
    for sample in samples:
        sample["texts"] = tf.constant(sample["texts"])
    counts = np.zeros(2, int)
    for seed in range(2):
        moved = combine(
            [lambda sample=sample: sample for sample in samples],
            (seed, 1), Augmentation(**{mix: 1.0}), (100, 120), flip_pairs=(), mask_size=12,
        )  # fmt: skip
        moved = scenes.numpy(moved)
        marked, present = (moved["masks"] == 255).all((1, 2)), moved["labels"] >= 0
        assert (moved["masks"][~marked] <= 1).all() and not marked[~present].any()
        below = len(samples[0]["boxes"])
        odd = np.concatenate([np.arange(len(one["boxes"])) % 2 == 1 for one in samples])
        np.testing.assert_array_equal(marked, present & odd[: len(present)])
        counts += [marked[below:].sum(), (present & ~marked)[below:].sum()]
    # Of the image above only objects with outline are pasted; the other mixes take all.
    assert counts[1] > 0 and (counts[0] > 0) == (mix != "copy_paste")
