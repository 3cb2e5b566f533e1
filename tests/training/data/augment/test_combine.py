"""Mosaic, mixup and copy-paste: every label against the pixels of the joined image."""

import numpy as np
import painted_scenes as scenes
import pytest
import tensorflow as tf

from training.data.augment import Augmentation, augment, combine
from zoo.errors import InputError

SIZE = (120, 140)


def givers(samples):
    return [lambda sample=sample: sample for sample in samples]


def four(seed):
    """Scenes of different sizes whose objects all have different labels."""
    sizes = [(90, 110), (130, 100), (80, 80), (100, 150)]
    samples = [scenes.scene(4 * seed + i, *size, 5 * i) for i, size in enumerate(sizes)]
    for sample in samples:
        sample["texts"] = tf.constant(sample["texts"])
    return samples


def numbers_are_unique(moved):
    """Whether each number of the instance map is one object's."""
    shown = moved["segmentation"] > 0
    assert np.array_equal(shown & (moved["segmentation"] < 255), moved["instances"] > 0)
    pairs = {*zip(moved["instances"][shown], moved["segmentation"][shown], strict=True)}
    return len(pairs) == len({number for number, _ in pairs})


def test_mosaic_shows_four_images_with_their_labels():
    augmentation = Augmentation(mosaic=1.0, flip_horizontal=0.5, scale=(0.8, 1.5))
    corners, seen = [], 0
    for seed in range(6):
        samples = four(seed)
        rows = sum(len(sample["boxes"]) for sample in samples)
        moved = scenes.numpy(
            combine(givers(samples), (seed, 1), augmentation, SIZE, flip_pairs=(), mask_size=56)
        )
        assert moved["masks"].shape == (rows, 56, 56) and moved["image"].shape == (*SIZE, 3)
        seen += scenes.check(moved, least=0.85, box_within=3)
        if 255 not in moved["segmentation"]:
            assert numbers_are_unique(moved)
        # An image's objects are in one rectangle of the inputs, and no two rectangles overlap.
        parts = []
        for part in range(4):
            lit = (moved["segmentation"] > 5 * part) & (moved["segmentation"] <= 5 * part + 5)
            parts.append(scenes.hull(lit) if lit.any() else None)
        if all(parts):
            corners.append(parts)
            assert max(parts[0][2], parts[2][2]) <= min(parts[1][0], parts[3][0])
            assert max(parts[0][3], parts[1][3]) <= min(parts[2][1], parts[3][1])
    assert seen >= 24 and len(corners) >= 2


def test_mosaic_tiles_are_covered_and_meet_at_a_random_point():
    sources = [np.full((50, 90, 1), 50 * (i + 1), np.uint8) for i in range(4)]
    samples = [lambda image=image: {"image": image} for image in sources]
    join = tf.function(lambda seed: combine(samples, seed, Augmentation(mosaic=1.0), SIZE)["image"])
    meetings = []
    for seed in range(40):
        image = np.asarray(join(tf.constant([seed, 0])))[..., 0]
        x, y = (int((abs(line - 50) < 1).sum()) for line in (image[0], image[:, 0]))
        meetings.append((x, y))
        expected = np.empty(SIZE)
        expected[:y, :x], expected[:y, x:], expected[y:, :x], expected[y:, x:] = 50, 100, 150, 200
        np.testing.assert_allclose(image, expected, atol=1e-3)
    meetings = np.array(meetings)
    assert 35 <= meetings[:, 0].min() < 45 and 95 < meetings[:, 0].max() <= 105
    assert 30 <= meetings[:, 1].min() < 40 and 80 < meetings[:, 1].max() <= 90


def test_mixup_blends_two_images_and_keeps_all_objects():
    augmentation = Augmentation(mixup=1.0, flip_horizontal=0.5)
    shares = []
    for seed in range(12):
        first, second = four(seed)[:2]
        moved = scenes.numpy(
            combine(givers([first, second]), (seed, 1), augmentation, SIZE, flip_pairs=())
        )
        # The partner's own change is drawn from another seed, so it is found by its flip.
        one = scenes.numpy(augment(first, (seed, 1), augmentation, SIZE, flip_pairs=()))
        others = [
            scenes.numpy(
                augment(second, (0, 0), Augmentation(flip_horizontal=p), SIZE, flip_pairs=())
            )
            for p in (0.0, 1.0)
        ]
        other = others[
            int(np.array_equal(moved["boxes"][len(first["boxes"]) :], others[1]["boxes"]))
        ]
        difference = (one["image"] - other["image"]).astype(np.float64)
        blended = (moved["image"] - other["image"]).astype(np.float64)
        share = (blended * difference).sum() / (difference**2).sum()
        shares.append(share)
        np.testing.assert_allclose(blended, share * difference, atol=1e-2)
        for key in ("boxes", "labels", "masks", "keypoints", "captions", "texts"):
            np.testing.assert_array_equal(moved[key], np.concatenate([one[key], other[key]]))
        assert not {"segmentation", "instances"} & set(moved)
    assert 0.1 < min(shares) < 0.45 < 0.55 < max(shares) < 0.9


def test_mixup_shares_follow_their_beta_distribution():
    images = [{"image": np.full((4, 4, 1), value, np.float32)} for value in (200, 0)]
    augmentation = Augmentation(mixup=1.0, mixup_alpha=2.0)
    join = tf.function(lambda seed: combine(givers(images), seed, augmentation, (4, 4))["image"])
    shares = np.array([join(tf.constant([seed, 0]))[0, 0, 0] / 200 for seed in range(250)])
    # Beta(2, 2): mean 1/2, variance 1 / (4 (2 * 2 + 1)).
    assert abs(shares.mean() - 0.5) < 0.05 and abs(shares.std() - 0.05**0.5) < 0.03


def test_copy_paste_puts_objects_in_front_with_all_labels_right():
    augmentation = Augmentation(copy_paste=1.0, flip_horizontal=0.5, scale_jitter=(0.6, 1.4))
    seen = pasted = behind = 0
    for seed in range(10):
        first, second = four(seed)[:2]
        moved = scenes.numpy(
            combine(
                givers([first, second]), (seed, 4), augmentation, SIZE, flip_pairs=(), mask_size=56
            )
        )
        seen += scenes.check(moved, least=0.85, box_within=2.5)
        labels = moved["labels"]
        assert len(labels) == len(first["labels"]) + len(second["labels"])
        pasted += (labels >= 5).sum()
        # What is not pasted does not show, but for single pixels where two objects touch.
        shown = np.isin(moved["segmentation"] - 1, second["labels"])
        assert (shown & ~np.isin(moved["segmentation"] - 1, labels)).sum() <= 0.02 * shown.sum()
        alone = augment(first, (seed, 4), augmentation, SIZE, flip_pairs=(), mask_size=56)
        behind += np.mean(moved["masks"][: len(first["boxes"])] < alone["masks"]) > 0.01
        changed = np.any(np.abs(moved["image"] - np.asarray(alone["image"])) > 1e-3, axis=-1)
        assert (changed & ~shown).sum() <= 0.03 * shown.sum()
    assert seen >= 20 and 8 <= pasted <= 22 and behind >= 2


def rectangles(boxes, first_label, height=60, width=80):
    instances = np.zeros((height, width), np.int32)
    for number, (x1, y1, x2, y2) in enumerate(boxes, 1):
        instances[y1:y2, x1:x2] = number
    return scenes.labeled(instances, range(1, len(boxes) + 1), first_label, cells=56)


@pytest.fixture
def all_pasted(monkeypatch):
    """Every object is pasted."""
    monkeypatch.setattr("training.data.augment.mosaic_mixup_paste.PASTE_PROBABILITY", 1.0)


def test_occlusion_by_a_pasted_object(all_pasted):
    below = rectangles([(4, 10, 20, 30), (30, 10, 70, 30), (30, 40, 50, 56), (60, 40, 76, 56)], 0)
    above = rectangles([(2, 8, 22, 32), (50, 5, 75, 35), (46, 44, 48, 46)], 5)
    below["crowd"][0] = True
    augmentation = Augmentation(copy_paste=1.0)
    moved = scenes.numpy(
        combine(givers([below, above]), (1, 2), augmentation, (60, 80), flip_pairs=())
    )
    # Fully hidden, though a crowd; half left; a hole in it; untouched; and the three in front.
    np.testing.assert_array_equal(moved["labels"], [-1, 1, 2, 3, 5, 6, 7])
    expected = [[0] * 4, [30, 10, 50, 30], [30, 40, 50, 56], [60, 40, 76, 56]]
    np.testing.assert_allclose(moved["boxes"], [*expected, *above["boxes"]], atol=0.2)
    assert scenes.check(moved, least=0.99, box_within=0.2) == 5
    hole = scenes.pasted(moved["masks"][2], moved["boxes"][2], (60, 80))
    assert not hole[44:46, 46:48].any() and hole[41:55, 31:44].all()
    # Joints at the middle of the first and last row: (50.5, 10.5) is behind the second in front.
    np.testing.assert_array_equal(moved["keypoints"][1, :, 2], [1, 1])
    np.testing.assert_array_equal(moved["keypoints"][2, :, 2], [2, 2])
    most = Augmentation(copy_paste=1.0, min_visible=0.6)
    moved = scenes.numpy(combine(givers([below, above]), (1, 2), most, (60, 80), flip_pairs=()))
    np.testing.assert_array_equal(moved["labels"], [-1, -1, 2, 3, 5, 6, 7])


def test_crowds_are_not_pasted(all_pasted):
    above = rectangles([(2, 8, 22, 32), (50, 5, 75, 35)], 5)
    above["crowd"][0] = True
    below = rectangles([], 0)
    moved = scenes.numpy(
        combine(
            givers([below, above]), (1, 2), Augmentation(copy_paste=1.0), (60, 80), "letterbox", ()
        )
    )
    np.testing.assert_array_equal(moved["labels"], [-1, 6])
    assert set(np.unique(moved["segmentation"])) == {0, 7}


def test_each_object_has_an_even_chance():
    above, below = rectangles([(5, 5, 20, 20), (40, 5, 60, 30)], 5), rectangles([], 0)
    augmentation = Augmentation(copy_paste=1.0)
    join = tf.function(
        lambda seed: combine(givers([below, above]), seed, augmentation, (30, 40), "letterbox", ())[
            "labels"
        ]
    )
    found = np.array([join(tf.constant([seed, 0])) >= 0 for seed in range(60)])
    assert np.all(abs(found.mean(axis=0) - 0.5) < 0.2)
    assert len(np.unique(found, axis=0)) == 4


def test_mixes_have_their_probabilities_and_read_no_unused_sample():
    def make_image(value):
        return {"image": np.full((8, 8, 1), value, np.float32)}

    augmentation = Augmentation(mosaic=0.3, mixup=0.5)
    samples = [lambda value=value: make_image(value) for value in (10, 60, 120, 240)]
    join = tf.function(lambda seed: combine(samples, seed, augmentation, (8, 8))["image"])
    found = np.array([join(tf.constant([seed, 0]))[..., 0] for seed in range(160)])
    flat = found.max(axis=(1, 2)) - found.min(axis=(1, 2)) < 1e-3
    alone = flat & (abs(found[:, 0, 0] - 10) < 1e-3)
    assert abs((~flat).mean() - 0.3) < 0.1 and abs(alone.mean() - 0.2) < 0.1

    def forbidden():
        with tf.control_dependencies([tf.debugging.Assert(False, ["read for nothing"])]):
            return {"image": tf.identity(make_image(0)["image"])}

    rare = Augmentation(mixup=1e-9)
    data = tf.data.Dataset.range(5).map(
        lambda i: combine([samples[0], forbidden], tf.stack([i, i]), rare, (8, 8))["image"]
    )
    assert all(np.allclose(image, 10) for image in data)


def test_a_sample_left_alone_comes_out_as_augment_changes_it():
    augmentation = Augmentation(
        copy_paste=1e-9, rotate=20, contrast=0.2, erase=1.0, crop="min_iou", scale_jitter=(0.5, 2)
    )
    first, second = four(0)[:2]
    moved = combine(
        givers([first, second]), (3, 4), augmentation, SIZE, flip_pairs=(), mask_size=28
    )
    alone = augment(first, (3, 4), augmentation, SIZE, flip_pairs=(), mask_size=28)
    assert set(moved) == set(alone)
    for key in alone:
        np.testing.assert_array_equal(moved[key], alone[key])


def test_same_seed_same_sample_in_parallel():
    augmentation = Augmentation(mosaic=0.4, copy_paste=0.4, scale_jitter=(0.5, 1.5))
    keys = ("image", "boxes", "labels", "masks", "captions")
    samples = [{key: sample[key] for key in keys} for sample in four(1)]

    def join(i):
        return combine(
            givers(samples), tf.stack([i, i]), augmentation, (64, 64), "letterbox", (), 28
        )

    data = tf.data.Dataset.range(8).map(join, num_parallel_calls=4)
    runs = [list(data.as_numpy_iterator()) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert len({run["image"].tobytes() for run in runs[0]}) == 8
    for number in (2, 5):
        eager = join(tf.constant(number, tf.int64))
        np.testing.assert_allclose(eager["image"], runs[0][number]["image"], atol=0.02)
        np.testing.assert_array_equal(eager["labels"], runs[0][number]["labels"])
    spec = data.element_spec
    assert spec["image"].shape == (64, 64, 3) and spec["masks"].shape == (None, 28, 28)
    assert spec["boxes"].shape == (None, 4) and spec["captions"].shape == (None, 3)


def test_sentences_of_different_lengths_are_padded():
    samples = [
        {"image": np.zeros((8, 8, 1), np.uint8), "boxes": np.array([[0, 0, 8, 8]], np.float32)}
        | {"captions": np.full((1, length), length, np.int32), "labels": np.zeros(1, np.int32)}
        for length in (2, 4)
    ]
    moved = combine(givers(samples), (0, 0), Augmentation(mixup=1.0), (8, 8))
    np.testing.assert_array_equal(moved["captions"], [[2, 2, 0, 0], [4, 4, 4, 4]])


def test_keys_that_mixed_samples_cannot_have_are_removed():
    sample = {
        "image": np.zeros((8, 8, 1), np.uint8),
        "label": tf.constant(3),
        "box": np.array([0, 0, 4, 4], np.float32),
        "keypoints": np.zeros((5, 3), np.float32),
        "segmentation": np.zeros((8, 8), np.int32),
        "name": tf.constant("a.png"),
    }
    for augmentation, keys in (
        (Augmentation(mosaic=0.5), {"image", "segmentation", "name"}),
        (Augmentation(mixup=0.5), {"image", "name"}),
    ):
        for seed in range(3):
            moved = combine(givers([sample] * 4), (seed, 0), augmentation, (8, 8), flip_pairs=())
            assert set(moved) == keys


def test_num_partners():
    assert Augmentation(mosaic=0.1, mixup=0.1).num_partners == 3
    assert Augmentation(copy_paste=0.1).num_partners == 1 == Augmentation(mixup=0.1).num_partners
    assert Augmentation().num_partners == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"mosaic": 0.6, "mixup": 0.5},
            "sum of mosaic, mixup, copy_paste must be at most 1, not 1.1",
        ),
        ({"mixup_alpha": 0}, "mixup_alpha must be above 0, not 0"),
        ({"copy_paste": 2}, "copy_paste must be a number in .0, 1."),
        ({"crop": "iou"}, "crop must be 'none', 'random', 'min_iou' or 'object', not 'iou'"),
        ({"crop_sides": (0.5, 1.5)}, r"crop_sides must be \(smallest, largest\).*at most 1"),
        ({"scale_jitter": (0, 2)}, "scale_jitter must be .*both above 0"),
        ({"erase_area": 0.3}, "erase_area must be"),
        ({"erase_fill": "reflect"}, "erase_fill must be a number"),
        ({"erase_ignore": 1}, "erase_ignore must be true or false"),
        ({"grey": -0.1}, "grey must be a number in .0, 1."),
    ],
)
def test_augmentation_errors_name_the_field(values, message):
    with pytest.raises(InputError, match=message) as error:
        Augmentation.from_dict(values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("augmentation", "targets", "keys", "message"),
    [
        ({"mosaic": 0.1}, ["label"], ["image", "label"], "mosaic: .* no label"),
        ({"mixup": 0.1}, ["segmentation"], ["segmentation"], "mixup: .* no segmentation"),
        ({"copy_paste": 0.1}, ["keypoints"], ["masks", "keypoints"], "no keypoints, which"),
        ({"copy_paste": 0.1}, ["boxes"], ["boxes", "labels"], "has no masks"),
        ({"crop": "object"}, ["segmentation"], ["segmentation"], "crop='object': .* no boxes"),
    ],
)
def test_augmentation_that_does_not_suit_targets_or_keys(augmentation, targets, keys, message):
    with pytest.raises(InputError, match=message) as error:
        Augmentation(**augmentation).check_keys(targets, keys)
    assert "\n" not in str(error.value)


def test_augmentation_that_suits_targets_and_keys():
    augmentation = Augmentation(mosaic=0.3, copy_paste=0.3, crop="min_iou")
    augmentation.check_keys(
        ["boxes", "labels", "keypoints"], ["boxes", "labels", "masks", "keypoints"]
    )
    Augmentation(mosaic=1.0).check_keys(["segmentation"], ["segmentation"])


def test_wrong_arguments_get_one_clear_line():
    sample = {"image": np.zeros((8, 8, 3), np.uint8), "boxes": np.zeros((0, 4), np.float32)}
    with pytest.raises(InputError, match="at least 4 to be mixed, not 2"):
        combine(givers([sample] * 2), (0, 0), Augmentation(mosaic=1.0), (8, 8))
    with pytest.raises(InputError, match="size must be at least 4 for a mosaic"):
        combine(givers([sample] * 4), (0, 0), Augmentation(mosaic=1.0), (3, 8))
    with pytest.raises(InputError, match="the samples have no masks"):
        combine(givers([sample] * 2), (0, 0), Augmentation(copy_paste=1.0), (8, 8))
