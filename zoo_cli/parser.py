"""The parser of the command line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from zoo.errors import InputError
from zoo_cli.arguments import (
    DATA,
    MODEL,
    WRITTEN_FORMATS,
    add_command,
    add_image_size,
    add_inference_arguments,
    add_json,
    add_settings,
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of the commands."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help.")


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser, which raises InputError for unknown words.

    `options.run(options)` of its result runs the command.
    """
    parser = _Parser(
        prog="zoo", description="Choose, train and ship vision models, from U-Net to Mask R-CNN."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        *(_add_list, _add_show, _add_data, _add_data_worker, _add_train, _add_evaluate),
        *(_add_predict, _add_export, _add_compare, _add_bench),
    ):
        add(commands)
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


def _add_data(commands) -> None:
    text = "check a data set and draw a contact sheet of it"
    command = add_command(commands, "data", "data.data_command", text)
    add = command.add_argument
    add("data", metavar="DATA", help=DATA)
    add("--split", help="split to read (default: all)")
    text = "contact sheet with the labels drawn; plot of --anchors; folder of --write"
    add("--out", metavar="SHEET.png|DIR", help=text)
    text = f"write the data set as {', '.join(WRITTEN_FORMATS)} into the new folder --out"
    add("--write", metavar="FORMAT", help=text)
    text = "copies of the images of --write (default: hard links)"
    add("--copy", action="store_true", help=text)
    add("--images", type=int, default=12, help="number of images on the sheet (default: 12)")
    text = "read labels and image headers only, which is much faster"
    add("--labels-only", action="store_true", help=text)
    text = "drop what can be dropped safely, as DATA?drop_bad=1 does in any command"
    add("--drop-bad", action="store_true", help=text)
    add("--anchors", type=int, metavar="K", help="number of anchor shapes to cluster")
    text = "report of the images per second of each stage of the training pipeline"
    add("--speed", action="store_true", help=text)
    text = "seconds per measurement of --speed (default: 3)"
    add("--seconds", type=float, default=3.0, help=text)
    text = "architecture whose recipe --speed uses (default: one for the data set's labels)"
    add("--model", metavar="NAME", help=text)
    add_settings(command, "key of that recipe")
    text = "model input size (default: 416x416 for --anchors, the recipe's for --speed)"
    add_image_size(command, text)
    text, rules = "resize rule of --anchors (default: letterbox)", ("letterbox", "stretch")
    add("--resize", choices=rules, default="letterbox", help=text)
    add_json(command)


def _add_data_worker(commands) -> None:
    text = "serve training batches to runs on other machines (zoo train --data-service)"
    add = add_command(commands, "data-worker", "data.data_command", text).add_argument
    text = "address of a data worker to share the work of"
    add("--join", metavar="grpc://HOST:PORT", help=text)
    add("--port", type=int, default=0, help="port (default: any free one)")
    text = "name of this machine for the others (default: localhost)"
    add("--host", default="localhost", help=text)


def _add_train(commands) -> None:
    text = "train an architecture into a run folder"
    command = add_command(commands, "train", "train_command", text)
    add = command.add_argument
    add("name", metavar="NAME", nargs="?", help="architecture (default: the recipe's)")
    add("--data", help=f"{DATA} (default: the recipe's)")
    text = "recipe in TOML, such as the recipe.toml of a run (default: the architecture's)"
    add("--recipe", metavar="FILE", help=text)
    add("--epochs", type=int, help="number of epochs (default: the recipe's)")
    add("--batch-size", type=int, help="images per batch (default: the recipe's)")
    add_image_size(command, "model input size (default: the recipe's)")
    add_settings(command, "any key of the recipe, such as learning_rate=0.001 or model.filters=32")
    text = "initial weights: a .keras file, of which those that fit are loaded, or imagenet"
    add("--weights", metavar="FILE", help=text)
    text = "cache of decoded samples: memory, disk or disk:DIR (default: none)"
    add("--cache", metavar="WHERE", help=text)
    text = "address of a `zoo data-worker` that makes the batches (default: none)"
    add("--data-service", metavar="grpc://HOST:PORT", help=text)
    add("--minutes", type=float, help="training time in minutes after which no epoch starts")
    add("--out", metavar="RUN", help="run folder (default: runs/NAME-DATE)")
    add("--resume", action="store_true", help="resume the run in --out")


def _add_evaluate(commands) -> None:
    text = "measure the final predictions of a model against the labels"
    command = add_command(commands, "evaluate", "evaluate_command", text)
    add = command.add_argument
    add("model", metavar="RUN", help=MODEL)
    add("--data", help=f"{DATA} (default: the run's)")
    add("--split", help="split to measure on (default: val, else test)")
    add("--confusion", metavar="PNG", help="image of the confusion matrix of image classes")
    _add_test_time_arguments(command)
    add_json(command)


def _add_predict(commands) -> None:
    text = "predict for images and draw the predictions"
    command = add_command(commands, "predict", "predict_command", text)
    add = command.add_argument
    add("model", metavar="RUN", help=MODEL)
    add("images", metavar="IMAGE", nargs="+", help="image files and folders")
    text = (
        f"write the predictions as labels, {', '.join(WRITTEN_FORMATS)}, into the new folder --out"
    )
    add("--write", metavar="FORMAT", help=text)
    text = "copies of the images of --write (default: hard links)"
    add("--copy", action="store_true", help=text)
    text = "folder of the drawn predictions (default: predictions)"
    add("--out", metavar="DIR", default="predictions", help=text)
    text = "minimum score of reported objects (default: 0.5)"
    add("--min-score", type=float, default=0.5, metavar="S", help=text)
    text = "format of object masks in --json (default: rle)"
    add("--masks", choices=("rle", "polygons"), default="rle", help=text)
    _add_test_time_arguments(command)
    add_json(command)
    text = "print the predictions of each image as a line of JSON as soon as it is done"
    add("--json-lines", action="store_true", help=text)


def _add_export(commands) -> None:
    text = "export files that do not need this package"
    command = add_command(commands, "export", "export_command", text)
    add = command.add_argument
    add("model", metavar="RUN", help=MODEL)
    text, formats = "formats (default: saved_model litert)", ["saved_model", "litert", "onnx"]
    add("--format", nargs="+", choices=formats, default=formats[:2], help=text)
    text = "quantization of the LiteRT file (default: none)"
    add("--quantize", choices=("none", "float16", "int8"), default="none", help=text)
    text = "score_threshold, nms_iou and class_agnostic as further inputs of the LiteRT file"
    add("--thresholds", action="store_true", help=text)
    add("--out", metavar="DIR", help="folder of the files (default: RUN/export)")
    add("--data", help="data set of the parity report and of int8 (default: the run's)")
    add("--split", help="split of the parity report (default: val, else test)")
    text = "number of images of the parity report and of int8 (default: 50)"
    add("--images", type=int, default=50, help=text)
    add_inference_arguments(command)
    add_json(command)


def _add_compare(commands) -> None:
    text = "train models under one budget and recommend one"
    command = add_command(commands, "compare", "compare.compare_command", text)
    add = command.add_argument
    text = "architectures; ALIAS=NAME for several variants of one"
    add("names", metavar="[ALIAS=]NAME", nargs="*", help=text)
    add("--task", help="all models of a task, instead of names")
    add("--data", help=f"{DATA} (default: that of --recipe)")
    text = "TOML file with data, keys of the recipe and [models.ROW]"
    add("--recipe", metavar="FILE", help=text)
    add("--split", help="split to measure on (default: val, else test)")
    budget = command.add_mutually_exclusive_group()
    text = "training time per model, in minutes"
    budget.add_argument("--minutes", type=float, help=text)
    text = "epochs of each model (default: the task's recipe's)"
    budget.add_argument("--epochs", type=int, help=text)
    add("--batch-size", type=int, help="images per batch (default: the recipe's)")
    add_image_size(command, "model input size (default: the task's recipe's)")
    text = "key of the recipe, for all models or one row: unet:model.filters=32"
    add_settings(command, text, metavar="[NAME:]KEY=VALUE")
    add("--tiny", action="store_true", help="small configurations, for a trial")
    text = "folder of the comparison; an existing comparison is resumed "
    add("--out", metavar="DIR", help=f"{text}(default: runs/compare-DATE)")
    text = "time and export the models trained in --out again, without training"
    add("--measure-again", action="store_true", help=text)
    command.set_defaults(changes={}, row_changes={})
    add_json(command)


def _add_bench(commands) -> None:
    text = "measure latency, throughput, memory and size of models"
    command = add_command(commands, "bench", "bench.bench_command", text)
    add = command.add_argument
    add("names", metavar="NAME|RUN", nargs="+", help=f"architecture, {MODEL}")
    add_image_size(command, "model input size (default: the recipe's)")
    text = "images per batch of forward_batch and train_step (default: the recipe's)"
    add("--batch-size", type=int, help=text)
    add_settings(command, "model.… argument of the builder, or key of the recipe such as precision")
    add("--tiny", action="store_true", help="small configurations, not the published ones")
    text = "forward, forward_batch, train_step, saved_model, litert (default: all)"
    add("--parts", nargs="+", default=[], metavar="PART", help=text)
    text = "rounds in which the models take turns (default: 5)"
    add("--rounds", type=int, default=5, help=text)
    add("--seconds", type=float, default=0.5, help="seconds per part and round (default: 0.5)")
    add_json(command)


def _add_test_time_arguments(command: argparse.ArgumentParser) -> None:
    add_inference_arguments(command)
    text = "majority vote within superpixels, for segmentation; not in exported files"
    command.add_argument("--superpixels", metavar="felzenszwalb[:SCALE]", help=text)
