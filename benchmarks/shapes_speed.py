"""Scenes drawn per second on one core: `python benchmarks/shapes_speed.py [--size 128x128]`."""

from __future__ import annotations

import argparse
import time

from training.data.shapes import VARIANTS, draw_scene


def scenes_per_second(size: tuple[int, int], variant: str, count: int) -> float:
    """Scenes per second of processor time of this one process, after a short warm-up."""
    for index in range(20):
        draw_scene(0, index, size, variant)
    start = time.process_time()
    for index in range(count):
        draw_scene(1, index, size, variant)
    return count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="128x128", help="HxW in pixels")
    parser.add_argument("--count", type=int, default=1000, help="scenes to draw")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    for variant in VARIANTS:
        speed = scenes_per_second((height, width), variant, options.count)
        print(f"{variant:8s} {height}x{width}  {speed:7.0f} scenes/s on one core")


if __name__ == "__main__":
    main()
