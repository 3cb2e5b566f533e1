"""The words of the command line."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Callable
from typing import NoReturn

from zoo.errors import InputError
from zoo_cli.inference_arguments import add_inference_arguments

_DATA = "FORMAT[:WHERE][?option=value&…], such as shapes, masks:DIR?void=11, instances:DIR"
_RUN = "a run folder of `zoo train`, or a .keras file"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the rest of the command does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def make_parser() -> argparse.ArgumentParser:
    """The parser; `options.run(options)` of what it gives does the work.

    Parsing raises InputError on words that it does not know.
    """
    parser = _Parser(
        prog="zoo", description="Choose, train and ship vision models, from U-Net to Mask R-CNN."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _listing(commands)
    _data(commands)
    _data_worker(commands)
    _train(commands)
    _measuring(commands)
    _export(commands)
    _compare(commands)
    _bench(commands)
    return parser


def _listing(commands) -> None:
    command = _add(
        commands, "list", "list_command", "all architectures: task, year, parameters, FLOPs"
    )
    command.add_argument("--task", help="only those of one task")
    _json(command)
    command = _add(commands, "show", "list_command", "the card of an architecture")
    command.add_argument("name", metavar="NAME")
    _json(command)


def _data(commands) -> None:
    command = _add(commands, "data", "data.data_command", "check and image a data set")
    command.add_argument("data", metavar="DATA", help=_DATA)
    command.add_argument("--split", help="only this split")
    command.add_argument(
        "--out",
        metavar="SHEET.png",
        help="write a contact sheet with the labels drawn; with --anchors a plot",
    )
    command.add_argument("--images", type=int, default=12, help="images on the sheet (12)")
    command.add_argument(
        "--labels-only",
        action="store_true",
        help="read only the labels and the heads of the image files, which is much faster",
    )
    command.add_argument(
        "--drop-bad",
        action="store_true",
        help="leave out what can be left out safely, as DATA?drop_bad=1 does in any command",
    )
    command.add_argument(
        "--anchors", type=int, metavar="K", help="instead: cluster the boxes into K anchor shapes"
    )
    command.add_argument(
        "--speed",
        action="store_true",
        help="instead: images per second of each stage of training batches, and the slowest",
    )
    command.add_argument(
        "--seconds", type=float, default=3.0, help="of each measurement of --speed (default 3)"
    )
    command.add_argument(
        "--model", metavar="NAME", help="whose recipe --speed goes by (default: one that fits)"
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of that recipe"
    )
    command.add_argument(
        "--image-size",
        type=image_size,
        metavar="HxW",
        help="of the anchors (default 416x416); of --speed (default: the recipe's)",
    )
    command.add_argument(
        "--resize",
        choices=("letterbox", "stretch"),
        default="letterbox",
        help="how images are put on that size: keeping their proportions or not",
    )
    _json(command)


def _data_worker(commands) -> None:
    text = "make training batches for runs on other machines (train --data-service)"
    command = _add(commands, "data-worker", "data.data_worker", text)
    command.add_argument(
        "--join", metavar="grpc://HOST:PORT", help="share the work of the one started there"
    )
    command.add_argument("--port", type=int, default=0, help="default: any that is free")
    command.add_argument(
        "--host", default="localhost", help="by which other machines reach this one"
    )


def _train(commands) -> None:
    command = _add(commands, "train", "train_command", "train an architecture into a run folder")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--data", required=True, help=_DATA)
    command.add_argument("--epochs", type=int)
    command.add_argument("--batch-size", type=int)
    command.add_argument("--image-size", type=image_size, metavar="HxW")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the recipe, such as learning_rate=0.001 or model.filters=32",
    )
    command.add_argument(
        "--weights", metavar="FILE", help="start from what fits: a .keras file, or imagenet"
    )
    command.add_argument(
        "--cache",
        metavar="WHERE",
        help="keep decoded samples between epochs: memory, disk, disk:DIR (default none)",
    )
    command.add_argument(
        "--data-service",
        metavar="grpc://HOST:PORT",
        help="batches from the workers of `zoo data-worker` there",
    )
    command.add_argument("--minutes", type=float, help="begin no epoch after so many minutes")
    command.add_argument("--out", metavar="RUN", help="run folder (default runs/NAME-…)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")


def _measuring(commands) -> None:
    command = _add(
        commands, "evaluate", "predict_command", "measure final answers against the labels"
    )
    command.add_argument("model", metavar="RUN", help=_RUN)
    command.add_argument("--data", help=f"{_DATA} (default: what the run was trained on)")
    command.add_argument("--split", help="default: val, else test")
    command.add_argument(
        "--confusion", metavar="PNG", help="draw which classes of images were taken for which"
    )
    _aids(command)
    _json(command)
    command = _add(commands, "predict", "predict_command", "answer for images")
    command.add_argument("model", metavar="RUN", help=_RUN)
    command.add_argument("images", metavar="IMAGE", nargs="+")
    command.add_argument("--out", metavar="DIR", default="predictions")
    command.add_argument(
        "--min-score", type=float, default=0.5, metavar="S", help="of objects (default 0.5)"
    )
    command.add_argument(
        "--masks", choices=("rle", "polygons"), default="rle", help="of objects, in --json"
    )
    _aids(command)
    _json(command)


def _export(commands) -> None:
    command = _add(commands, "export", "export_command", "write files that need nothing of the zoo")
    command.add_argument("model", metavar="RUN", help=_RUN)
    command.add_argument(
        "--format",
        nargs="+",
        choices=("saved_model", "litert", "onnx"),
        default=["saved_model", "litert"],
    )
    command.add_argument("--quantize", choices=("none", "float16", "int8"), default="none")
    command.add_argument(
        "--thresholds",
        action="store_true",
        help="the LiteRT file takes score_threshold, nms_iou and class_agnostic, too",
    )
    command.add_argument("--out", metavar="DIR", help="default: RUN/export")
    command.add_argument("--data", help="for the parity report and int8 (default: the run's)")
    command.add_argument("--split", help="default: val, else test")
    command.add_argument(
        "--images", type=int, default=50, help="images to compare on and to calibrate int8"
    )
    add_inference_arguments(command, image_size)
    _json(command)


def _compare(commands) -> None:
    text = "train models under one budget, and say which to take"
    command = _add(commands, "compare", "compare.compare_command", text)
    command.add_argument(
        "names",
        metavar="[ALIAS=]NAME",
        nargs="*",
        help="architectures; under an alias one may come several times, set differently",
    )
    command.add_argument("--task", help="every model of a task, instead of names")
    command.add_argument("--data", required=True, help=_DATA)
    command.add_argument("--split", help="what to measure on (default: val, else test)")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes",
        type=float,
        help="of training for each model; a trial says how many epochs fit in",
    )
    budget.add_argument("--epochs", type=int, help="of each model (default: the task's recipe's)")
    command.add_argument("--batch-size", type=int)
    command.add_argument("--image-size", type=image_size, metavar="HxW")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[NAME:]KEY=VALUE",
        help="any key of the recipe, of all models or of one row: unet:model.filters=32",
    )
    command.add_argument("--tiny", action="store_true", help="small forms, to try things out")
    command.add_argument(
        "--out", metavar="DIR", help="default runs/compare-…; one that is there is gone on with"
    )
    command.add_argument(
        "--measure-again",
        action="store_true",
        help="only time and export what is trained in --out, as when the machine was busy",
    )
    _json(command)


def _bench(commands) -> None:
    text = "latency, throughput, memory and size of models"
    command = _add(commands, "bench", "bench.bench_command", text)
    command.add_argument("names", metavar="NAME|RUN", nargs="+", help=f"an architecture, or {_RUN}")
    command.add_argument("--image-size", type=image_size, metavar="HxW")
    command.add_argument("--batch-size", type=int, help="of training and batched forward passes")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="model.… arguments of the builder, or keys of the recipe such as precision",
    )
    command.add_argument("--tiny", action="store_true", help="small forms, not the published ones")
    command.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="PART",
        help="forward, forward_batch, train_step, saved_model, litert (default: all)",
    )
    command.add_argument("--rounds", type=int, default=5, help="in which the models take turns")
    command.add_argument(
        "--seconds", type=float, default=0.5, help="of each part in each round (default 0.5)"
    )
    _json(command)


def image_size(text: str) -> tuple[int, int]:
    """`"256x320"` as (256, 320)."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text}: expected HEIGHTxWIDTH, such as 256x320")
    return int(match[1]), int(match[2])


def _add(commands, name: str, module: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=_late(module, name))
    return command


def _late(module: str, name: str) -> Callable[[argparse.Namespace], int | None]:
    """Imports a command's module only when it runs: TensorFlow takes seconds to import."""

    function = name.replace("-", "_")

    def run(options: argparse.Namespace) -> int | None:
        return getattr(importlib.import_module(f"zoo_cli.{module}"), f"run_{function}")(options)

    return run


def _aids(command: argparse.ArgumentParser) -> None:
    add_inference_arguments(command, image_size)
    command.add_argument(
        "--superpixels",
        metavar="felzenszwalb[:SCALE]",
        help="the commonest class of each superpixel; not in exported files",
    )


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, nothing else"
    )
