"""The parser of the command line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from zoo.errors import InputError
from zoo_cli.arguments import DATA, MODEL, add_command, add_image_size, add_json, add_settings
from zoo_cli.bench.bench_arguments import add_bench
from zoo_cli.compare.compare_arguments import add_compare
from zoo_cli.data.data_arguments import add_data, add_data_worker
from zoo_cli.inference_arguments import add_inference_arguments


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of the commands."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help.")


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser; `options.run(options)` of its result runs the command.

    Parsing raises InputError for unknown words.
    """
    parser = _Parser(
        prog="zoo", description="Choose, train and ship vision models, from U-Net to Mask R-CNN."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_list(commands)
    _add_show(commands)
    add_data(commands)
    add_data_worker(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_export(commands)
    add_compare(commands)
    add_bench(commands)
    return parser


def _add_list(commands) -> None:
    text = "list all architectures with task, year, parameters and FLOPs"
    command = add_command(commands, "list", "list_command", text, light=True)
    command.add_argument("--task", help="task of the architectures (default: all)")
    add_json(command)


def _add_show(commands) -> None:
    text = "show the card of an architecture"
    command = add_command(commands, "show", "list_command", text, light=True)
    command.add_argument("name", metavar="NAME", help="architecture")
    add_json(command)


def _add_train(commands) -> None:
    text = "train an architecture into a run folder"
    command = add_command(commands, "train", "train_command", text)
    command.add_argument(
        "name", metavar="NAME", nargs="?", help="architecture (default: the recipe's)"
    )
    command.add_argument("--data", help=f"{DATA} (default: the recipe's)")
    command.add_argument(
        "--recipe",
        metavar="FILE",
        help="recipe in TOML, such as the recipe.toml of a run (default: the architecture's)",
    )
    command.add_argument("--epochs", type=int, help="number of epochs (default: the recipe's)")
    command.add_argument("--batch-size", type=int, help="images per batch (default: the recipe's)")
    add_image_size(command, "model input size (default: the recipe's)")
    add_settings(command, "any key of the recipe, such as learning_rate=0.001 or model.filters=32")
    command.add_argument(
        "--weights",
        metavar="FILE",
        help="initial weights: a .keras file, of which those that fit are loaded, or imagenet",
    )
    command.add_argument(
        "--cache",
        metavar="WHERE",
        help="cache of decoded samples: memory, disk or disk:DIR (default: none)",
    )
    command.add_argument(
        "--data-service",
        metavar="grpc://HOST:PORT",
        help="address of a `zoo data-worker` that makes the batches (default: none)",
    )
    command.add_argument(
        "--minutes", type=float, help="training time in minutes after which no epoch starts"
    )
    command.add_argument("--out", metavar="RUN", help="run folder (default: runs/NAME-DATE)")
    command.add_argument("--resume", action="store_true", help="resume the run in --out")


def _add_evaluate(commands) -> None:
    text = "measure the final predictions of a model against the labels"
    command = add_command(commands, "evaluate", "evaluate_command", text)
    command.add_argument("model", metavar="RUN", help=MODEL)
    command.add_argument("--data", help=f"{DATA} (default: the run's)")
    command.add_argument("--split", help="split to measure on (default: val, else test)")
    command.add_argument(
        "--confusion", metavar="PNG", help="image of the confusion matrix of image classes"
    )
    _add_test_time_arguments(command)
    add_json(command)


def _add_predict(commands) -> None:
    command = add_command(commands, "predict", "predict_command", "predict images and draw them")
    command.add_argument("model", metavar="RUN", help=MODEL)
    command.add_argument("images", metavar="IMAGE", nargs="+", help="image files and folders")
    command.add_argument(
        "--out",
        metavar="DIR",
        default="predictions",
        help="folder of the drawn predictions (default: predictions)",
    )
    command.add_argument(
        "--min-score",
        type=float,
        default=0.5,
        metavar="S",
        help="minimum score of reported objects (default: 0.5)",
    )
    command.add_argument(
        "--masks",
        choices=("rle", "polygons"),
        default="rle",
        help="format of object masks in --json (default: rle)",
    )
    _add_test_time_arguments(command)
    add_json(command)


def _add_export(commands) -> None:
    text = "export files that do not need this package"
    command = add_command(commands, "export", "export_command", text)
    command.add_argument("model", metavar="RUN", help=MODEL)
    command.add_argument(
        "--format",
        nargs="+",
        choices=("saved_model", "litert", "onnx"),
        default=["saved_model", "litert"],
        help="formats (default: saved_model litert)",
    )
    command.add_argument(
        "--quantize",
        choices=("none", "float16", "int8"),
        default="none",
        help="quantization of the LiteRT file (default: none)",
    )
    command.add_argument(
        "--thresholds",
        action="store_true",
        help="score_threshold, nms_iou and class_agnostic as further inputs of the LiteRT file",
    )
    command.add_argument("--out", metavar="DIR", help="folder of the files (default: RUN/export)")
    command.add_argument(
        "--data", help="data set of the parity report and of int8 (default: the run's)"
    )
    command.add_argument("--split", help="split of the parity report (default: val, else test)")
    command.add_argument(
        "--images",
        type=int,
        default=50,
        help="number of images of the parity report and of int8 (default: 50)",
    )
    add_inference_arguments(command)
    add_json(command)


def _add_test_time_arguments(command: argparse.ArgumentParser) -> None:
    add_inference_arguments(command)
    command.add_argument(
        "--superpixels",
        metavar="felzenszwalb[:SCALE]",
        help="majority vote within superpixels, for segmentation; not in exported files",
    )
