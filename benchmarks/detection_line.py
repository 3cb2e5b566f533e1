"""Seconds per image of R-CNN, Fast R-CNN, Faster R-CNN and YOLOv2, proposals timed separately.

`python benchmarks/detection_line.py [--data DATA] [--images 3] [--backbone darknet19]`

All process the same images at the same model input size with the same backbone, which for YOLOv2
is always Darknet-19. Weights are random: the time does not depend on them except for NMS, which is
small. Predictions include NMS; the first, which compiles, is not counted. R-CNN's 2000 passes per
image take minutes on a CPU: `--max-proposals` reduces them, for R-CNN and Fast R-CNN alike; both
process as many whether or not the search finds as many.

Published, with VGG16 on a K40: 47 s for R-CNN and 0.32 s for Fast R-CNN, both without proposals
(about 2 s more, hence the usual 2.3 s), 0.2 s for Faster R-CNN including its proposals.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import zoo
from training.data.proposals import SelectiveSearch
from training.data.sources import open_source
from training.run import predictor

PUBLISHED = {"rcnn": 47.0, "fast_rcnn": 2.3, "faster_rcnn": 0.2}
"""Published seconds per image; see above for what each includes."""

WITH_PROPOSALS = ("rcnn", "fast_rcnn")


class FixedProposals:
    """Proposer of precomputed boxes, for any image."""

    name = "fixed"

    def __init__(self) -> None:
        self.boxes: np.ndarray = np.zeros((0, 4), np.float32)

    def set_image_name(self, name: str, image: np.ndarray) -> None:
        """Does nothing."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return self.boxes


def timed(job: Callable[[], Any]) -> float:
    """Returns the seconds of a call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def proposed(images: list[np.ndarray], mode: str) -> tuple[list[np.ndarray], list[float]]:
    """Returns boxes and seconds of Selective Search per image, after a warm-up."""
    search = SelectiveSearch(mode)
    search(images[0][:64, :64])
    boxes: list[np.ndarray] = []
    return boxes, [timed(lambda p=p: boxes.append(search(p))) for p in images]


def arguments_of(name: str, options: argparse.Namespace) -> dict[str, Any]:
    arguments: dict[str, Any] = {"num_classes": 20, "width": options.width}
    if name != "yolo_v2":
        arguments |= {"backbone": options.backbone, "hidden_units": options.units}
    if name in WITH_PROPOSALS:
        arguments["max_proposals"] = options.max_proposals
    return arguments


def seconds_of(
    name: str, images: list[np.ndarray], boxes: list[np.ndarray], options: argparse.Namespace
) -> list[float]:
    """Returns the seconds per image, each the median of the rounds."""
    keras.utils.set_random_seed(0)
    model = zoo.build(name, **arguments_of(name, options))
    proposer = FixedProposals()
    predict = predictor(model, options.image_size, "letterbox", proposer=proposer)
    seconds = []
    for number, image in enumerate(images):
        proposer.boxes = boxes[number][: options.max_proposals]
        if not number:
            predict(image)
        rounds = [timed(lambda p=image: predict(p)) for _ in range(options.rounds)]
        seconds.append(statistics.median(rounds))
    return seconds


def size_of(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes", help="data set with color images")
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--image-size", type=size_of, default=(600, 1000), metavar="HxW")
    parser.add_argument("--backbone", default="darknet19", help="backbone of all but YOLOv2")
    parser.add_argument("--width", type=float, default=1.0, help="width factor of the backbone")
    parser.add_argument("--units", type=int, default=4096, help="units of the dense layers")
    parser.add_argument("--max-proposals", type=int, default=2000, help="proposals per image")
    parser.add_argument("--mode", default="fast", help="mode of Selective Search")
    parser.add_argument("--models", nargs="+", default=[*PUBLISHED, "yolo_v2"])
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    source = open_source(options.data)
    samples = source.samples(options.split, options.images)
    images = [sample["image"] for _, sample in samples]
    boxes, searching = proposed(images, options.mode)
    counts = [min(len(found), options.max_proposals) for found in boxes]
    rows = []
    for name in options.models:
        network = statistics.median(seconds_of(name, images, boxes, options))
        # Frees the memory of hundreds of millions of weights.
        keras.backend.clear_session()
        gc.collect()
        search = statistics.median(searching) if name in WITH_PROPOSALS else 0.0
        rows.append({
            "model": name, "proposals": search, "network": network, "total": search + network,
            "published": PUBLISHED.get(name),
        })  # fmt: skip
        if not options.json:
            published = f"   published {PUBLISHED[name]:5.1f}" if name in PUBLISHED else ""
            line = f"{name:12s} proposals {search:7.3f} s   network {network:8.3f} s   "
            print(f"{line}total {search + network:8.3f} s{published}", flush=True)
    size = "x".join(map(str, options.image_size))
    if options.json:
        print(
            json.dumps({"rows": rows, "proposals_found": counts, "image_size": options.image_size})
        )
    else:
        print(
            f"{len(images)} images at {size}, {counts} proposals found, backbone "
            f"{options.backbone} times {options.width}, median of the images"
        )


if __name__ == "__main__":
    main()
