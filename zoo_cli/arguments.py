"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import importlib
import re

DATA = "FORMAT[:WHERE][?option=value&…], such as shapes, masks:DIR?void=11, instances:DIR"
WRITTEN_FORMATS = ("coco", "yolo", "voc", "masks", "labelme", "cvat", "label-studio")
MODEL = "run folder of `zoo train`, or .keras file"


def add_command(
    commands, name: str, module: str, text: str, light: bool = False
) -> argparse.ArgumentParser:
    """Adds a command and returns its parser; a `light` command runs without TensorFlow.

    `run_NAME` of `zoo_cli.MODULE` is imported when it runs: TensorFlow takes seconds to import.
    """

    def run(options: argparse.Namespace) -> int | None:
        function = f"run_{name.replace('-', '_')}"
        return getattr(importlib.import_module(f"zoo_cli.{module}"), function)(options)

    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=run, light=light)
    return command


def add_json(command: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    text = "one JSON object on standard output, nothing else"
    command.add_argument("--json", action="store_true", help=text)


def add_image_size(command, text: str) -> None:
    """Adds `--image-size HxW`."""
    command.add_argument("--image-size", type=size, metavar="HxW", help=text)


def add_settings(command: argparse.ArgumentParser, text: str, metavar: str = "KEY=VALUE") -> None:
    """Adds `--set KEY=VALUE`, which may be repeated."""
    command.add_argument("--set", action="append", default=[], metavar=metavar, help=text)


def add_inference_arguments(command: argparse.ArgumentParser) -> None:
    """Adds model input size, tiles, scales, flips and proposals."""
    input_size = command.add_mutually_exclusive_group()
    text = "images at their own size, not resized"
    input_size.add_argument("--native", action="store_true", help=text)
    add_image_size(input_size, "model input size (default: as in training)")
    add = command.add_argument
    add("--tile", type=size, metavar="HxW", help="tile size for large images")
    text = "overlap of neighboring tiles (default: a quarter of the shorter tile side)"
    add("--overlap", type=int, metavar="PIXELS", help=text)
    text = "scales to average over, such as 0.75,1,1.25"
    add("--scales", type=numbers, metavar="S,S", help=text)
    add("--flip", action="store_true", help="averaging over horizontally flipped images")
    text = "proposals for models that take them: selective_search[:MODE], files:FOLDER or "
    add("--proposals", metavar="WHERE", help=f"{text}network:RUN (default: as in training)")


def size(text: str) -> tuple[int, int]:
    """Returns `"256x320"` as (256, 320)."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, such as 256x320, not {text!r}"
        )
    return int(match[1]), int(match[2])


def numbers(text: str) -> tuple[float, ...]:
    """Returns `"0.75,1"` as (0.75, 1.0)."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        reason = f"must be numbers such as 0.75,1,1.25, not {text!r}"
        raise argparse.ArgumentTypeError(reason) from error
