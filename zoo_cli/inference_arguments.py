"""Test-time options on the command line: `--tile 256x256 --scales 0.75,1,1.25 --flip`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from zoo.inference.inference_options import InferenceOptions
from zoo_cli.arguments import add_image_size, size


def add_inference_arguments(command: argparse.ArgumentParser) -> None:
    """Adds model input size, tiles, scales, flips and proposals."""
    input_size = command.add_mutually_exclusive_group()
    input_size.add_argument(
        "--native", action="store_true", help="images at their own size, not resized"
    )
    add_image_size(input_size, "model input size (default: as in training)")
    command.add_argument("--tile", type=size, metavar="HxW", help="tile size for large images")
    command.add_argument(
        "--overlap",
        type=int,
        metavar="PIXELS",
        help="overlap of neighbouring tiles (default: a quarter of the shorter tile side)",
    )
    command.add_argument(
        "--scales", type=numbers, metavar="S,S", help="scales to average over, such as 0.75,1,1.25"
    )
    command.add_argument("--flip", action="store_true", help="average over mirrored images too")
    command.add_argument(
        "--proposals",
        metavar="WHERE",
        help="proposals for models that take them: selective_search[:MODE], files:FOLDER or "
        "network:RUN (default: as in training)",
    )


def numbers(text: str) -> tuple[float, ...]:
    """Returns `"0.75,1"` as (0.75, 1.0)."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"must be numbers such as 0.75,1,1.25, not {text!r}"
        ) from error


def inference_options(options: Namespace) -> InferenceOptions:
    """Returns the test-time options of a command line.

    Raises:
        InputError: if a size, overlap or scale is out of range.
    """
    return InferenceOptions(options.tile, options.overlap, options.scales or (1.0,), options.flip)
