"""NMS of 2000 boxes and RoIAlign of 512 boxes on four levels, against torchvision's operators.

`python benchmarks/geometry_speed.py [--torch-python /other/env/bin/python] [--rounds 15]`

The other Python has torch and torchvision, several gigabytes that the project's environment does
not need. Both sides take turns, so that other load of the machine affects both; the ratio is the
median of the ratios per round. Both get the same inputs, and their results are compared first.
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

BOXES, MAX_OUTPUTS, IOU = 2000, 1000, 0.5
ROIS, SIZE, CHANNELS, INPUT_SIZE = 512, 7, 256, (800, 1216)
LEVELS = (2, 3, 4, 5)


def crowded_boxes() -> tuple[np.ndarray, np.ndarray]:
    """Returns (N, 4) xyxy boxes and (N,) scores."""
    rng = np.random.default_rng(0)
    center, side = rng.uniform(0, 800, (BOXES, 2)), rng.uniform(20, 200, (BOXES, 2))
    boxes = np.concatenate([center - side / 2, center + side / 2], axis=1)
    return boxes.astype("float32"), rng.permutation(BOXES).astype("float32")


def rois_and_maps() -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Returns (R, 4) xyxy boxes within the input, and feature maps {level: (H, W, C)}."""
    rng = np.random.default_rng(1)
    size = np.exp(rng.uniform(np.log(16), np.log(700), (ROIS, 1)))
    side = size * np.exp(rng.uniform(-0.7, 0.7, (ROIS, 1)) * [[1, -1]])
    limits = np.array(INPUT_SIZE[::-1])
    center = rng.uniform(0, 1, (ROIS, 2)) * limits
    corners = [np.clip(center + sign * side / 2, 0, limits) for sign in (-1, 1)]
    maps = {
        level: rng.standard_normal(
            (INPUT_SIZE[0] >> level, INPUT_SIZE[1] >> level, CHANNELS), "float32"
        )
        for level in LEVELS
    }
    return np.concatenate(corners, axis=1).astype("float32"), maps


def our_jobs() -> dict[str, tuple[str, Callable]]:
    """Returns {name: (name of the other side's job, job that returns tensors)}."""
    import tensorflow as tf

    from zoo.layers.nms import nms
    from zoo.layers.roi_align import roi_align

    boxes, scores = (tf.constant(x)[None] for x in crowded_boxes())
    rois, maps = rois_and_maps()
    rois, maps = tf.constant(rois)[None], {k: tf.constant(v)[None] for k, v in maps.items()}

    def align_rois(maps):
        return roi_align(maps, rois, SIZE, sampling_ratio=2, aligned=False)

    def align_gradient(maps):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            total = tf.reduce_sum(align_rois(maps))
        return [tf.convert_to_tensor(x) for x in tape.gradient(total, maps).values()]

    def suppress(boxes, scores):
        index, valid = nms(boxes, scores, MAX_OUTPUTS, IOU)
        return tf.reduce_sum(tf.where(valid, index, 0))

    jobs: dict[str, tuple[str, Callable]] = {}
    for mode, compiled in (("XLA", True), ("graph", False)):
        for name, function, inputs in (
            ("nms", suppress, (boxes, scores)),
            ("roi_align", align_rois, (maps,)),
            ("roi_align and gradient", align_gradient, (maps,)),
        ):
            run = tf.function(function, jit_compile=compiled)
            jobs[f"{name}, {mode}"] = (name, lambda run=run, inputs=inputs: run(*inputs))
    return jobs


def torchvision_jobs() -> dict[str, Callable]:
    import torch
    from torchvision.ops import MultiScaleRoIAlign, nms

    boxes, scores = (torch.tensor(x) for x in crowded_boxes())
    rois, maps = rois_and_maps()
    rois = torch.tensor(rois)
    maps = {str(k): torch.tensor(v).permute(2, 0, 1)[None].contiguous() for k, v in maps.items()}
    align = MultiScaleRoIAlign(list(maps), SIZE, 2)

    def align_rois():
        with torch.no_grad():
            return align(maps, [rois], [INPUT_SIZE]).permute(0, 2, 3, 1)

    def align_gradient():
        leaves = {k: v.detach().requires_grad_() for k, v in maps.items()}
        align(leaves, [rois], [INPUT_SIZE]).sum().backward()
        return [leaf.grad for leaf in leaves.values()]

    def suppress():
        return nms(boxes, scores, IOU)[:MAX_OUTPUTS].sum()

    return {"nms": suppress, "roi_align": align_rois, "roi_align and gradient": align_gradient}


def checksum(result) -> float:
    """Returns the sum of absolute values."""
    parts = result if isinstance(result, list) else [result]
    return float(sum(np.abs(np.asarray(part, "float64")).sum() for part in parts))


def timed(job: Callable) -> float:
    """Returns the milliseconds of a call."""
    start = time.perf_counter()
    result = job()
    for part in result if isinstance(result, list) else [result]:
        part.numpy()
    return 1e3 * (time.perf_counter() - start)


def serve() -> None:
    """Replies to the name of a job per line with milliseconds; the first time with a checksum."""
    jobs = torchvision_jobs()
    checked = set()
    for line in sys.stdin:
        name = line.strip()
        reply = timed(jobs[name]) if name in checked else checksum(jobs[name]())
        checked.add(name)
        print(json.dumps(reply), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", help="Python with torchvision to compare with")
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

    def request(name: str) -> float:
        assert other is not None and other.stdin and other.stdout
        print(name, file=other.stdin, flush=True)
        return json.loads(other.stdout.readline())

    checksums: dict[str, float] = {}
    for name, (counterpart, job) in our_jobs().items():
        expected = checksum(job())
        job()
        if other and counterpart not in checksums:
            checksums[counterpart] = request(counterpart)
        pairs = [
            (timed(job), request(counterpart) if other else float("nan"))
            for _ in range(options.rounds)
        ]
        ours_ms, others_ms = (statistics.median(column) for column in zip(*pairs, strict=True))
        line = f"{name:30s} {ours_ms:8.2f} ms"
        if other:
            np.testing.assert_allclose(expected, checksums[counterpart], rtol=1e-4, err_msg=name)
            ratio = statistics.median(a / b for a, b in pairs)
            line += f"   torchvision {others_ms:8.2f} ms   ratio {ratio:.2f}"
        print(line, flush=True)
    if other:
        other.communicate()


if __name__ == "__main__":
    main()
