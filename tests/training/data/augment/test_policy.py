"""Random and deterministic resizing: determined by the seed, with the pixels of serving."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from training.data.augment import Augmentation, augment, matrices, resize_sample
from zoo.inference import image_transform as frame


def labeled(seed, height, width):
    """An image of noise with a map, one object and its corners as joints."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    x1, y1, x2, y2 = 1, 2, width - 1, height - 2
    corners = [[x1, y1, 2], [x2, y1, 2], [x2, y2, 1], [x1, y2, 2]]
    return {
        "image": image,
        "segmentation": random.integers(0, 9, (height, width)).astype(np.int32),
        "boxes": np.array([[x1, y1, x2, y2], [0, 0, 0, 0]], np.float32),
        "labels": np.array([3, -1], np.int32),
        "keypoints": np.array([corners, np.zeros((4, 3))], np.float32),
    }


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize(
    ("source", "size"), [((31, 57), (40, 40)), ((57, 31), (20, 33)), ((5, 5), (9, 9))]
)
def test_place_gives_the_pixels_that_are_served(source, size, resize):
    sample = labeled(4, *source)
    placed = resize_sample(sample, size, resize)
    inputs, at = frame.transform_images(sample["image"][None], size, resize)
    np.testing.assert_allclose(placed["image"], np.asarray(inputs)[0], atol=1e-3)
    back = np.asarray(at.restore_boxes(placed["boxes"]))
    np.testing.assert_allclose(back[0], sample["boxes"][0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(placed["labels"], sample["labels"])


def test_fit_size_is_that_of_serving():
    for source in [(375, 500), (500, 375), (3, 1000), (7, 7), (333, 50), (6, 3), (9, 5)]:
        sides = tuple(int(side) for side in matrices.letterbox_size(source, (20, 31)))
        assert sides == frame.letterbox_size(*source, (20, 31))


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize(
    ("source", "size"), [((31, 57), (40, 40)), ((57, 31), (20, 33)), ((5, 5), (9, 9))]
)
def test_place_equals_resize_then_pad(source, size, resize):
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (*source, 3)).astype(np.uint8)
    labels = random.integers(0, 9, source).astype(np.int32)
    boxes = np.array([[3, 1, 30, 4]], np.float32)
    sample = {"image": image, "segmentation": labels, "boxes": boxes, "name": "a"}
    placed = resize_sample(sample, size, resize)
    scale = min(size[0] / source[0], size[1] / source[1])
    rows, columns = (round(side * scale) for side in source) if resize == "letterbox" else size
    resized = tf.image.resize(image, (rows, columns), antialias=True)
    expected = np.zeros((*size, 3), np.float32)
    expected[:rows, :columns] = resized
    np.testing.assert_array_equal(placed["image"], expected)
    expected = np.full(size, 255)
    y = ((np.arange(rows) + 0.5) * source[0] / rows).astype(int)
    x = ((np.arange(columns) + 0.5) * source[1] / columns).astype(int)
    expected[:rows, :columns] = labels[y][:, x]
    np.testing.assert_array_equal(placed["segmentation"], expected)
    factor = np.array([columns / source[1], rows / source[0]] * 2)
    clipped = np.clip(boxes * factor, 0, [size[1], size[0]] * 2)
    np.testing.assert_allclose(placed["boxes"], clipped, rtol=1e-6)
    assert placed["name"] == "a"


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
@pytest.mark.parametrize("size", [(33, 47), (64, 20)])
def test_augment_without_changes_equals_resize_sample(size, resize):
    sample = labeled(3, 40, 47 if resize != "crop" else 20)
    if resize == "crop":
        size = (40, 20)
    first, second = (
        augment(sample, (5, 5), Augmentation(), size, resize),
        resize_sample(sample, size, resize),
    )
    for key in sample:
        np.testing.assert_allclose(first[key], second[key], atol=2e-2, err_msg=key)


def test_place_crop_takes_the_middle_and_pads_the_rest():
    labels = np.arange(20, dtype=np.int32).reshape(4, 5)
    sample = {"segmentation": labels, "boxes": np.array([[1, 0, 3, 4]], np.float32)}
    placed = resize_sample(sample, (2, 7), "crop")
    expected = np.full((2, 7), 255)
    expected[:, :5] = labels[1:3]
    np.testing.assert_array_equal(placed["segmentation"], expected)
    np.testing.assert_array_equal(placed["boxes"], [[1, 0, 3, 2]])


def test_random_crop_copies_pixels_and_reaches_every_place():
    labels = np.arange(30, dtype=np.int32).reshape(5, 6)
    corners = set()
    crop = tf.function(
        lambda seed: augment({"segmentation": labels}, seed, Augmentation(), (4, 4), "crop")
    )
    for seed in range(60):
        found = np.asarray(crop(tf.constant([seed, 0]))["segmentation"])
        row, column = divmod(int(found[0, 0]), 6)
        np.testing.assert_array_equal(found, labels[row : row + 4, column : column + 4])
        corners.add((row, column))
    assert corners == {(row, column) for row in (0, 1) for column in (0, 1, 2)}


def test_fit_size_rounds_half_to_even_without_float_error():
    for h in range(1, 40):
        for w in (1, 2, 3, 7, 10, 24, 37):
            rows, columns = (int(side) for side in matrices.letterbox_size((h, w), (20, 30)))
            if 20 * w <= 30 * h:
                exact, found, full = (20 * w, h), columns, rows == 20
            else:
                exact, found, full = (30 * h, w), rows, columns == 30
            whole, rest = divmod(*exact)
            up = 2 * rest > exact[1] or (2 * rest == exact[1] and whole % 2 == 1)
            assert full and found == max(whole + up, 1)


def test_same_seed_same_sample_in_parallel():
    samples = [labeled(seed, 30, 44) for seed in range(8)]
    stacked = {key: np.stack([sample[key] for sample in samples]) for key in samples[0]}
    stacked["seed"] = np.stack([np.arange(8), np.full(8, 3)], axis=1).astype(np.int64)
    augmentation = Augmentation(
        flip_horizontal=0.5, rotate=20, scale=(0.8, 1.2), elastic=2, contrast=0.3, noise=4
    )

    def vary(sample):
        seed = sample.pop("seed")
        return augment(sample, seed, augmentation, (32, 32), "crop", flip_pairs=())

    data = tf.data.Dataset.from_tensor_slices(stacked)
    runs = [
        list(data.map(vary, num_parallel_calls=calls).as_numpy_iterator()) for calls in (None, 4)
    ]
    for one, other in zip(*runs, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert len({run["image"].tobytes() for run in runs[0]}) == 8
    eager = augment(samples[2], (2, 3), augmentation, (32, 32), "crop", flip_pairs=())
    np.testing.assert_allclose(eager["image"], runs[0][2]["image"], atol=0.02)


def test_one_change_does_not_disturb_the_draws_of_another():
    sample = labeled(0, 30, 40)
    plain, more = Augmentation(rotate=30), Augmentation(rotate=30, brightness=0.2, elastic=0.0)
    first = augment(sample, (1, 2), plain, (40, 40))
    second = augment(sample, (1, 2), more, (40, 40))
    np.testing.assert_array_equal(first["segmentation"], second["segmentation"])
    assert np.abs(first["image"] - second["image"]).max() > 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip_horizonal": 0.5}, "did you mean 'flip_horizontal'"),
        ({"flip_horizontal": 1.5}, "flip_horizontal must be a number in .0, 1., not 1.5"),
        ({"rotate": -3}, "rotate must be a number in .0, 180"),
        ({"scale": (2.0, 1.0)}, "scale must be"),
        ({"scale": 2.0}, "scale must be"),
        ({"elastic": math.nan}, "elastic must be a number of at least 0"),
        ({"noise": "much"}, "noise must be a number"),
        ({"fill": "mirror"}, "fill must be"),
    ],
)
def test_augmentation_errors_name_the_field(values, message):
    with pytest.raises(ValueError, match=message) as error:
        Augmentation.from_dict(values)
    assert "\n" not in str(error.value)


def test_augmentation_is_frozen_and_hashable():
    augmentation = Augmentation.from_dict({"scale": [0.5, 2], "fill": [0, 1, 2]})
    assert (
        augmentation.scale == (0.5, 2)
        and augmentation.fill == (0, 1, 2)
        and isinstance(hash(augmentation), int)
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        augmentation.rotate = 3


@pytest.mark.parametrize(
    ("sample", "arguments", "message"),
    [
        ({"image": np.zeros((4, 4))}, {}, r"image must have the shape \(H, W, C\)"),
        ({"label": 1}, {}, "no pixels"),
        (
            {"image": np.zeros((4, 4, 1)), "segmentation": np.zeros((4, 5), np.int32)},
            {},
            "segmentation must be 4x4 as image, not 4x5",
        ),
        ({"image": np.zeros((4, 4, 1))}, {"size": (0, 4)}, "size must be"),
        ({"image": np.zeros((4, 4, 1))}, {"resize": "pad"}, "resize must be 'letterbox', "),
    ],
)
def test_wrong_samples_get_one_clear_line(sample, arguments, message):
    arguments = {"size": (4, 4), "resize": "letterbox", **arguments}
    with pytest.raises(ValueError, match=message):
        resize_sample(sample, **arguments)
    with pytest.raises(ValueError, match=message):
        augment(sample, (0, 0), Augmentation(), **arguments)
