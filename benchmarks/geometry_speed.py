"""NMS of 2000 boxes and RoIAlign of 512 boxes on four levels, against torchvision's operators.

`python benchmarks/geometry_speed.py [--torch-python /other/env/bin/python] [--rounds 15]`

The other Python has torch and torchvision, which need several gigabytes and no place in the
project's own environment. Both sides take turns, so that what else the machine does meets both; the
ratio is the median of the rounds' own ratios. Both get the same numbers, and their answers are
compared first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

BOXES, KEPT, IOU = 2000, 1000, 0.5
REGIONS, SIZE, CHANNELS, CANVAS = 512, 7, 256, (800, 1216)
LEVELS = (2, 3, 4, 5)


def crowded_boxes() -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) xyxy and (N,) scores."""
    rng = np.random.default_rng(0)
    centre, side = rng.uniform(0, 800, (BOXES, 2)), rng.uniform(20, 200, (BOXES, 2))
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    return boxes.astype("float32"), rng.permutation(BOXES).astype("float32")


def regions_and_maps() -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """(R, 4) xyxy within the canvas, and {level: (H, W, C)}."""
    rng = np.random.default_rng(1)
    size = np.exp(rng.uniform(np.log(16), np.log(700), (REGIONS, 1)))
    side = size * np.exp(rng.uniform(-0.7, 0.7, (REGIONS, 1)) * [[1, -1]])
    limits = np.array(CANVAS[::-1])
    centre = rng.uniform(0, 1, (REGIONS, 2)) * limits
    corners = [np.clip(centre + sign * side / 2, 0, limits) for sign in (-1, 1)]
    maps = {
        level: rng.standard_normal((CANVAS[0] >> level, CANVAS[1] >> level, CHANNELS), "float32")
        for level in LEVELS
    }
    return np.concatenate(corners, axis=1).astype("float32"), maps


def ours() -> dict[str, tuple[str, Callable]]:
    """{name: (name of the other side's job, job that returns a checksum)}."""
    import tensorflow as tf

    from zoo.layers.nms import nms
    from zoo.layers.roi_align import roi_align

    boxes, scores = (tf.constant(x)[None] for x in crowded_boxes())
    regions, maps = regions_and_maps()
    regions, maps = tf.constant(regions)[None], {k: tf.constant(v)[None] for k, v in maps.items()}

    def cut(maps):
        return roi_align(maps, regions, SIZE, sampling_ratio=2, aligned=False)

    def learn(maps):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            total = tf.reduce_sum(cut(maps))
        return [tf.convert_to_tensor(x) for x in tape.gradient(total, maps).values()]

    def suppress(boxes, scores):
        index, valid = nms(boxes, scores, KEPT, IOU)
        return tf.reduce_sum(tf.where(valid, index, 0))

    jobs: dict[str, tuple[str, Callable]] = {}
    for way, compiled in (("XLA", True), ("graph", False)):
        for name, function, given in (
            ("nms", suppress, (boxes, scores)),
            ("roi_align", cut, (maps,)),
            ("roi_align and gradient", learn, (maps,)),
        ):
            made = tf.function(function, jit_compile=compiled)
            jobs[f"{name}, {way}"] = (name, lambda made=made, given=given: made(*given))
    return jobs


def theirs() -> dict[str, Callable]:
    import torch
    from torchvision.ops import MultiScaleRoIAlign, nms

    boxes, scores = (torch.tensor(x) for x in crowded_boxes())
    regions, maps = regions_and_maps()
    regions = torch.tensor(regions)
    maps = {str(k): torch.tensor(v).permute(2, 0, 1)[None].contiguous() for k, v in maps.items()}
    align = MultiScaleRoIAlign(list(maps), SIZE, 2)

    def cut():
        with torch.no_grad():
            return align(maps, [regions], [CANVAS]).permute(0, 2, 3, 1)

    def learn():
        leaves = {k: v.detach().requires_grad_() for k, v in maps.items()}
        align(leaves, [regions], [CANVAS]).sum().backward()
        return [leaf.grad for leaf in leaves.values()]

    def suppress():
        return nms(boxes, scores, IOU)[:KEPT].sum()

    return {"nms": suppress, "roi_align": cut, "roi_align and gradient": learn}


def checksum(prediction) -> float:
    parts = prediction if isinstance(prediction, list) else [prediction]
    return float(sum(np.abs(np.asarray(part, "float64")).sum() for part in parts))


def timed(job: Callable) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    prediction = job()
    for part in prediction if isinstance(prediction, list) else [prediction]:
        part.numpy()
    return 1e3 * (time.perf_counter() - start)


def serve() -> None:
    """The other side: a name a line in, milliseconds out; the first time a checksum."""
    jobs = theirs()
    known = set()
    for line in sys.stdin:
        name = line.strip()
        prediction = timed(jobs[name]) if name in known else checksum(jobs[name]())
        known.add(name)
        print(json.dumps(prediction), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", help="a Python that has torchvision")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    other = None
    if options.torch_python:
        other = subprocess.Popen(
            [options.torch_python, os.path.abspath(__file__), "--serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(name: str) -> float:
        assert other is not None and other.stdin and other.stdout
        print(name, file=other.stdin, flush=True)
        return json.loads(other.stdout.readline())

    asked: dict[str, float] = {}
    for name, (counterpart, job) in ours().items():
        own = checksum(job())
        job()
        if other and counterpart not in asked:
            asked[counterpart] = ask(counterpart)
        pairs = [
            (timed(job), ask(counterpart) if other else float("nan")) for _ in range(options.rounds)
        ]
        mine, others = (statistics.median(column) for column in zip(*pairs, strict=True))
        line = f"{name:30s} {mine:8.2f} ms"
        if other:
            np.testing.assert_allclose(own, asked[counterpart], rtol=1e-4, err_msg=name)
            ratio = statistics.median(a / b for a, b in pairs)
            line += f"   torchvision {others:8.2f} ms   ratio {ratio:.2f}"
        print(line, flush=True)
    if other:
        other.communicate()


if __name__ == "__main__":
    main()
