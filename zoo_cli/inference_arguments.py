"""Aids at inference as the command line says them: `--tile 256x256 --scales 0.75,1,1.25 --flip`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.inference.inference_options import InferenceOptions


def add_inference_arguments(command: argparse.ArgumentParser, size) -> None:
    """Adds the options; `size` reads HxW."""
    canvas = command.add_mutually_exclusive_group()
    canvas.add_argument(
        "--native", action="store_true", help="images at their own size, not on a canvas"
    )
    canvas.add_argument(
        "--image-size", type=size, metavar="HxW", help="canvas (default: as it was trained)"
    )
    command.add_argument("--tile", type=size, metavar="HxW", help="answer large images in tiles")
    command.add_argument(
        "--overlap", type=int, metavar="PIXELS", help="of tiles (default: a quarter of a tile)"
    )
    command.add_argument(
        "--scales", type=numbers, metavar="S,S", help="average over sizes, such as 0.75,1,1.25"
    )
    command.add_argument("--flip", action="store_true", help="average over mirrored images too")
    command.add_argument(
        "--proposals",
        metavar="WHERE",
        help="of models that take boxes: selective_search[:MODE], files:FOLDER or network:RUN "
        "(default: as it was trained)",
    )


def numbers(text: str) -> tuple[float, ...]:
    """`"0.75,1"` as (0.75, 1.0)."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: expected numbers such as 0.75,1,1.25") from error


def inference_of(options: Namespace) -> InferenceOptions:
    """The aids asked for.

    Raises:
        InputError: a size, overlap or scale out of range.
    """
    from zoo.inference.inference_options import InferenceOptions

    return InferenceOptions(options.tile, options.overlap, options.scales or (1.0,), options.flip)
