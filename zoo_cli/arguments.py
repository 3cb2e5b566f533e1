"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import importlib
import re

DATA = "FORMAT[:WHERE][?option=value&…], such as shapes, masks:DIR?void=11, instances:DIR"
MODEL = "run folder of `zoo train`, or .keras file"


def add_command(
    commands, name: str, module: str, text: str, light: bool = False
) -> argparse.ArgumentParser:
    """Adds a command and returns its parser.

    Args:
        commands: what `add_subparsers` returned.
        name: name of the command.
        module: module below `zoo_cli` with its function `run_NAME`, imported when it runs:
            TensorFlow takes seconds to import.
        text: help text.
        light: whether it runs without TensorFlow.
    """

    def run(options: argparse.Namespace) -> int | None:
        function = f"run_{name.replace('-', '_')}"
        return getattr(importlib.import_module(f"zoo_cli.{module}"), function)(options)

    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=run, light=light)
    return command


def add_json(command: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    command.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, nothing else"
    )


def add_image_size(command, text: str) -> None:
    """Adds `--image-size HxW`."""
    command.add_argument("--image-size", type=size, metavar="HxW", help=text)


def add_settings(command: argparse.ArgumentParser, text: str, metavar: str = "KEY=VALUE") -> None:
    """Adds `--set KEY=VALUE`, which may be repeated."""
    command.add_argument("--set", action="append", default=[], metavar=metavar, help=text)


def size(text: str) -> tuple[int, int]:
    """Returns `"256x320"` as (256, 320)."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, such as 256x320, not {text!r}"
        )
    return int(match[1]), int(match[2])
