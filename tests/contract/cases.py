"""Pictures and targets of each task for the contract test."""

import numpy as np


def pictures(card, height=32, width=48, batch=2, seed=0):
    """(B, H, W, C) uint8 noise, with the channels of the tiny configuration."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (batch, height, width, channels(card)), dtype=np.uint8)


def channels(card):
    return (card.tiny.get("input_shape") or (None, None, 3))[-1]


def learnable(card, height=32, width=48):
    """Two pictures whose classes show in their colour, and their targets."""
    images = np.full((2, height, width, channels(card)), 40, np.uint8)
    images[0, :, width // 2 :] = 220
    images[1, height // 2 :] = 220
    random = np.random.default_rng(1)
    images = images + random.integers(0, 20, images.shape, dtype=np.uint8)
    bright = (images[..., 0] > 128).astype(np.int32)
    return images, {"segmentation": bright}


def targets(card, kind, height=32, width=48, batch=2):
    """Targets of a kind: `"normal"`, `"empty"` (nothing but background) or `"degenerate"`."""
    classes = card.tiny["num_classes"]
    random = np.random.default_rng(2)
    maps = random.integers(0, classes, (batch, height, width), dtype=np.int32)
    if kind == "empty":
        maps[:] = 0
    if kind == "degenerate":  # nothing to learn from in one picture, one pixel in the other
        maps[:] = 255
        maps[1, 0, 0] = classes - 1
    return {"segmentation": maps}
