"""Files of generated images and masks."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(
    root: Path,
    count: int = 6,
    size: tuple[int, int] = (20, 24),
    classes: int = 3,
    folders: tuple[str, str] = ("images", "masks"),
    first: int = 0,
) -> Path:
    """Writes `count` images whose colors are the classes, and their masks; returns the folder."""
    images, masks = (root / folder for folder in folders)
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        mask = np.zeros(size, np.uint8)
        for label in range(1, classes):
            top, left = random.integers(0, (size[0] // 2, size[1] // 2))
            mask[top : top + size[0] // 2, left : left + size[1] // 3] = label
        mask[0, :classes] = range(classes)
        image = 40 + 60 * mask[..., None] + random.integers(0, 30, (*size, 3))
        Image.fromarray(image.astype(np.uint8)).save(images / f"{number}.png")
        Image.fromarray(mask).save(masks / f"{number}.png")
    return root


def write_squares(root: Path, count: int = 12, value: int = 255) -> Path:
    """Writes `count` images of 40×52 with a bright square of 14×18, and masks; returns the folder.

    The masks are 0 and `value`.
    """
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((40, 52), np.uint8)
        top, left = random.integers(4, 20, 2)
        mask[top : top + 14, left : left + 18] = value
        image = 100 * (mask[..., None] > 0) + random.integers(0, 60, (40, 52, 3))
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    return root
