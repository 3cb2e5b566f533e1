"""`python -m training.data.shapes FOLDER` writes scenes as PNG images."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from training.data.shapes.scene import draw_scene
from zoo.files.atomic_writes import replacing


def main() -> None:
    """Writes `scene_000.png` and so on."""
    parser = argparse.ArgumentParser(
        prog="python -m training.data.shapes", description=main.__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=128, help="height and width in pixels")
    options = parser.parse_args()
    for index in range(options.count):
        scene = draw_scene(options.seed, index, (options.side, options.side))
        with replacing(options.folder / f"scene_{index:03d}.png") as temporary:
            Image.fromarray(scene.image).save(temporary)
    print(f"{options.count} scenes in {options.folder}")


if __name__ == "__main__":
    main()
