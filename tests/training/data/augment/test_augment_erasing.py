"""Cut-out and grey images."""

import numpy as np
import painted_scenes as scenes
import pytest
import tensorflow as tf

from training.data.augment import Augmentation, augment

SIZE = (40, 60)


def erased(sample, augmentation, count):
    vary = tf.function(lambda seed: augment(sample, seed, augmentation, SIZE, flip_pairs=()))
    return [scenes.numpy(vary(tf.constant([seed, 8]))) for seed in range(count)]


def test_rectangles_have_the_configured_areas_and_any_position():
    sample = {"image": np.full((*SIZE, 3), 200, np.uint8)}
    augmentation = Augmentation(erase=0.5, erase_area=(0.1, 0.3), erase_fill=(1.0, 2.0, 3.0))
    found = [moved["image"] for moved in erased(sample, augmentation, 120)]
    areas, boxes = [], []
    for image in found:
        under = np.all(image == [1, 2, 3], axis=-1)
        assert np.all(image[~under] == 200)
        if under.any():
            x1, y1, x2, y2 = scenes.hull(under)
            assert under.sum() == (x2 - x1) * (y2 - y1)
            areas.append(under.mean())
            boxes.append((x1, y1, x2, y2))
    assert 40 < len(areas) < 80
    # Rounding to pixels and the border change an area slightly.
    assert 0.08 < min(areas) < 0.14 and 0.25 < max(areas) < 0.32
    boxes = np.array(boxes)
    assert boxes[:, 0].min() < 5 and boxes[:, 2].max() > 55 and boxes[:, 3].max() > 37
    aspects = (boxes[:, 3] - boxes[:, 1]) / (boxes[:, 2] - boxes[:, 0])
    assert aspects.min() < 0.5 and aspects.max() > 1.5


@pytest.mark.parametrize("ignore", [False, True])
def test_labels_under_the_rectangle(ignore):
    sample = {
        "image": np.full((*SIZE, 1), 200, np.uint8),
        "segmentation": np.ones(SIZE, np.int32),
        "boxes": np.array([[5, 5, 20, 20], [30, 10, 55, 35], [0, 0, 60, 40]], np.float32),
        "labels": np.array([1, 2, 3], np.int32),
        "crowd": np.array([False, False, True]),
        "masks": np.ones((3, 8, 8), np.uint8),
        "keypoints": np.array([[[6, 6, 2]], [[40, 20, 2]], [[40, 20, 1]]], np.float32),
    }
    augmentation = Augmentation(
        erase=1.0, erase_area=(0.1, 0.6), erase_ignore=ignore, min_visible=0.4
    )
    dropped = 0
    for moved in erased(sample, augmentation, 40):
        under = moved["image"][..., 0] == 0
        assert np.array_equal(moved["segmentation"] == 255, under & ignore)
        for row, (x1, y1, x2, y2) in enumerate(sample["boxes"].astype(int)):
            seen = 1 - under[y1:y2, x1:x2].mean()
            kept = row == 2 or seen >= 0.4
            dropped += not kept
            assert moved["labels"][row] == (row + 1 if kept else -1)
            np.testing.assert_array_equal(moved["boxes"][row], sample["boxes"][row] * kept)
            assert moved["masks"][row].all() == kept
            x, y, visibility = sample["keypoints"][row, 0]
            hidden = under[int(y), int(x)]
            expected = (1 if hidden else visibility) if kept else 0
            assert moved["keypoints"][row, 0, 2] == expected
    assert dropped > 5


def test_grey_images_by_chance():
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    vary = tf.function(
        lambda seed: augment({"image": image}, seed, Augmentation(grey=0.3), SIZE)["image"]
    )
    luma = image @ [0.299, 0.587, 0.114]
    greys = 0
    for seed in range(150):
        moved = np.asarray(vary(tf.constant([seed, 2])))
        if np.all(moved[..., 0] == moved[..., 2]):
            greys += 1
            np.testing.assert_allclose(moved[..., 1], luma, atol=0.1)
        else:
            np.testing.assert_allclose(moved, image, atol=1e-3)
    assert 25 < greys < 65
    with pytest.raises(ValueError, match="needs an image with 3 channels, not 1"):
        augment({"image": image[..., :1]}, (0, 0), Augmentation(grey=0.3), SIZE)
