"""The contract of semantic segmentation."""

import numpy as np


def learnable(card, height=32, width=48):
    """Two images whose colors are their classes, and their targets."""
    channels = (card.tiny.get("input_shape") or (None, None, 3))[-1]
    images = np.full((2, height, width, channels), 40, np.uint8)
    images[0, :, width // 2 :] = 220
    images[1, height // 2 :] = 220
    random = np.random.default_rng(1)
    images = images + random.integers(0, 20, images.shape, dtype=np.uint8)
    bright = (images[..., 0] > 128).astype(np.int32)
    return images, {"segmentation": bright}


def targets(card, kind, height, width, batch):
    """`"empty"`: background only; `"degenerate"`: almost all pixels ignored."""
    classes = card.tiny["num_classes"]
    random = np.random.default_rng(2)
    maps = random.integers(0, classes, (batch, height, width), dtype=np.int32)
    if kind == "empty":
        maps[:] = 0
    if kind == "degenerate":  # no labeled pixel in one image, one in the other
        maps[:] = 255
        maps[1, 0, 0] = classes - 1
    return {"segmentation": maps}


def check_raw(outputs, size, classes):
    assert outputs["segmentation"].shape == (2, *size, classes)
    assert outputs["segmentation"].dtype == "float32"


def check_predictions(predictions, size, card):
    assert predictions["segmentation"].shape == (2, *size)


def assert_same(found, expected):
    """Equal predictions, except for a few pixels whose best classes are equal up to rounding."""
    assert set(found) == set(expected)
    for key in expected:
        assert found[key].shape == expected[key].shape, key
        different = np.mean(found[key] != expected[key])
        assert different <= 0.002, f"{key}: {100 * different:.2f} % differ"
