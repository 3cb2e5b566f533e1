"""Training images per second against a plain OpenCV loop and a PyTorch DataLoader.

`python benchmarks/pipeline_peers.py [--torch-python /other/env/bin/python] [--rounds 7]`

All three decode the same generated JPEG files, resize to 512×512, mirror every other image,
change brightness, contrast and saturation by up to a fifth, normalize by mean and deviation and
return float32 batches of 16. "large" are images of 12 megapixels, cropped to 10 to 30 % of their
sides. The three take turns, one at a time; the ratio is the median of the ratios per round. The
other Python has torch and torchvision.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZE, BATCH, CHANGE, CROP = 512, 16, 0.2, (0.1, 0.3)
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SETS = {"usual": ((480, 640), 160), "large": ((3000, 4000), 24)}
SIDES = ("ours", "opencv", "torch")


def write_images(root: Path) -> None:
    """Writes photo-like JPEG files: a noise pyramid whose coarse levels are the strongest."""
    from PIL import Image

    for name, ((height, width), count) in SETS.items():
        random = np.random.default_rng(0)
        for number in range(count):
            image = np.zeros((height, width, 3), np.float32)
            for level in range(2, 8):
                noise = random.normal(0, 8 * 2 ** (level / 2), (height >> level, width >> level, 3))
                noise = np.clip(noise + 128, 0, 255).astype(np.uint8)
                grown = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
                image += np.asarray(grown, np.float32) - 128
            folder = root / name / "train" / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(image + 128, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03d}.jpg", quality=90)


def ours(root: Path, name: str) -> Callable[[int], int]:
    """Returns this project's pipeline, with the normalization that models do in their graph."""
    import tensorflow as tf

    from training.data.augment import Augmentation
    from training.data.pipeline import BatchConfig, training_batches
    from training.data.sources import open_source

    augmentation = Augmentation(
        flip_horizontal=0.5,
        brightness=CHANGE,
        contrast=CHANGE,
        saturation=CHANGE,
        crop="random" if name == "large" else "none",
        crop_sides=CROP,
    )
    config = BatchConfig(
        "classification", (SIZE, SIZE), BATCH, resize="stretch", augmentation=augmentation
    )
    source = open_source(f"classes:{root / name}?val=0.01")
    mean, deviation = tf.constant(MEAN), tf.constant(DEVIATION)
    batches = training_batches(source, "train", config).map(
        lambda images, targets: ((images - mean) / deviation, targets["label"])
    )

    def make(count: int) -> int:
        return sum(len(images) for images, _ in batches.take(count // BATCH))

    return make


def opencv(root: Path, name: str) -> Callable[[int], int]:
    """Returns a loop in one process, as written by hand."""
    import cv2

    paths = sorted((root / name).rglob("*.jpg"))
    random = np.random.default_rng(0)
    mean, deviation = np.float32(MEAN), np.float32(DEVIATION)
    luma = np.float32([0.299, 0.587, 0.114])

    def one(path: Path) -> np.ndarray:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        if name == "large":
            sides = (random.uniform(*CROP, 2) * image.shape[:2]).astype(int)
            y, x = (random.integers(0, n - m + 1) for n, m in zip(image.shape, sides, strict=False))
            image = image[y : y + sides[0], x : x + sides[1]]
        image = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        if random.random() < 0.5:
            image = image[:, ::-1]
        image = image.astype(np.float32)
        brightness, contrast, saturation = random.uniform(-CHANGE, CHANGE, 3)
        image = np.clip(image + 255 * np.float32(brightness), 0, 255)
        middle = image.mean((0, 1))
        image = np.clip(middle + (image - middle) * np.float32(1 + contrast), 0, 255)
        grey = (image @ luma)[..., None]
        image = np.clip(grey + (image - grey) * np.float32(1 + saturation), 0, 255)
        return (image - mean) / deviation

    def make(count: int) -> int:
        chosen = [paths[i] for i in random.integers(0, len(paths), count)]
        starts = range(0, count, BATCH)
        return sum(len(np.stack([one(path) for path in chosen[i : i + BATCH]])) for i in starts)

    return make


def torch(root: Path, name: str) -> Callable[[int], int]:
    """Returns a DataLoader with two worker processes and torchvision's transforms."""
    import torch
    from torchvision.io import decode_jpeg, read_file
    from torchvision.transforms import v2

    paths = [str(path) for path in sorted((root / name).rglob("*.jpg"))]
    resize = v2.Resize((SIZE, SIZE), antialias=True)
    if name == "large":
        area = (CROP[0] ** 2, CROP[1] ** 2)
        resize = v2.RandomResizedCrop(SIZE, scale=area, ratio=(0.5, 2.0), antialias=True)
    change = v2.Compose(
        [
            resize,
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(CHANGE, CHANGE, CHANGE),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([m / 255 for m in MEAN], [d / 255 for d in DEVIATION]),
        ]
    )

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return 100_000

        def __getitem__(self, number):
            return change(decode_jpeg(read_file(paths[number % len(paths)])))

    def make(count: int) -> int:
        return sum(len(batch) for _, batch in zip(range(count // BATCH), loader, strict=False))

    loader = torch.utils.data.DataLoader(
        Images(), BATCH, shuffle=True, num_workers=2, persistent_workers=True
    )
    return make


def serve(side: str, root: Path, name: str) -> None:
    """Replies to each count on standard input with the images made and the seconds taken."""
    make = {"ours": ours, "opencv": opencv, "torch": torch}[side](root, name)
    make(2 * BATCH)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        made = make(int(line))
        print(json.dumps([made, time.perf_counter() - began]), flush=True)


def compare(root: Path, name: str, sides: dict[str, str], rounds: int, count: int) -> None:
    """Prints images per second of each side, and the ratio of this package to it."""
    children = {}
    for side, python in sides.items():
        words = [python, __file__, "--side", side, "--root", str(root), "--set", name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        children[side] = subprocess.Popen(words, text=True, **pipes)
        assert children[side].stdout.readline().strip() == "ready", side
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 else list(sides)[::-1]
        for side in order:
            children[side].stdin.write(f"{count}\n")
            children[side].stdin.flush()
            made, seconds = json.loads(children[side].stdout.readline())
            speeds[side].append(made / seconds)
    for child in children.values():
        child.stdin.close()
        child.wait()
    for side, values in speeds.items():
        ratios = [a / b for a, b in zip(speeds["ours"], values, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(
            f"{name:6s} {side:7s} {statistics.median(values):7.1f} images/s   this package is "
            f"{statistics.median(ratios):.2f} times as fast ({spread})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", help="Python with torch (default: PyTorch is left out)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=160, help="images per round")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help="folder of the images (default: generated)")
    parser.add_argument("--set", choices=tuple(SETS))
    options = parser.parse_args()
    if options.side:
        return serve(options.side, options.root, options.set)
    sides = {"ours": sys.executable, "opencv": sys.executable, "torch": options.torch_python}
    if not options.torch_python:
        del sides["torch"]
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or Path(folder)
        if not (root / "large").is_dir():
            write_images(root)
        print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores", flush=True)
        for name in (options.set,) if options.set else SETS:
            count = options.count if name == "usual" else max(BATCH, options.count // 5)
            compare(root, name, sides, options.rounds, count)
        print(f"load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
