"""Seconds until training begins on a folder of 100,000 images, and memory over ten epochs.

`python benchmarks/many_images.py [--images 100000] [--epochs 10]`

The images are generated: 1,000 small files with a hundred links each. Measured are the seconds
from opening the data set to the first batch, without the import of TensorFlow, and the resident
memory after each epoch of a few thousand images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

DIFFERENT, CLASSES = 1000, 10


def write_images(root: Path, count: int, masks: bool) -> None:
    """Writes images by class, or with masks; links, so that they take no space."""
    random = np.random.default_rng(0)
    originals = root / "originals"
    originals.mkdir()
    for number in range(min(DIFFERENT, count)):
        pixels = random.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(originals / f"{number}.jpg", quality=80)
        if masks:
            labels = (pixels[..., 0] > 128).astype(np.uint8)
            Image.fromarray(labels).save(originals / f"{number}.png")
    for number in range(count):
        folder = root / "data" / ("images" if masks else f"class{number % CLASSES}")
        if number < CLASSES:
            folder.mkdir(parents=True, exist_ok=True)
            (root / "data" / "masks").mkdir(exist_ok=True) if masks else None
        os.link(originals / f"{number % DIFFERENT}.jpg", folder / f"{number:06d}.jpg")
        if masks:
            label = root / "data" / "masks" / f"{number:06d}.png"
            os.link(originals / f"{number % DIFFERENT}.png", label)


def resident() -> float:
    """Returns the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batches", type=int, default=60, help="batches of 64 per epoch")
    parser.add_argument("--masks", action="store_true", help="data set of segmentation masks")
    options = parser.parse_args()

    from training.data.augment import Augmentation
    from training.data.pipeline import BatchConfig, training_batches
    from training.data.sources import open_source

    task, name = ("segmentation", "masks") if options.masks else ("classification", "classes")
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), options.images, options.masks)
        before, began = resident(), time.perf_counter()
        source = open_source(f"{name}:{folder}/data?val=0.05")
        opened = time.perf_counter() - began
        augmentation = Augmentation(flip_horizontal=0.5)
        config = BatchConfig(task, (64, 64), batch_size=64, augmentation=augmentation)
        batches = iter(training_batches(source, "train", config))
        next(batches)
        first = time.perf_counter() - began
        print(
            f"{options.images} images: opened after {opened:.2f} s, first batch after "
            f"{first:.2f} s, {resident() - before:.0f} MiB; load {os.getloadavg()[0]:.2f}",
            flush=True,
        )
        for epoch in range(options.epochs):
            for _ in range(options.batches):
                next(batches)
            print(f"epoch {epoch + 1}: {resident():.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
