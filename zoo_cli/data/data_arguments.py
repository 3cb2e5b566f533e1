"""Arguments of `zoo data` and `zoo data-worker`."""

from __future__ import annotations

from zoo_cli.arguments import DATA, add_command, add_image_size, add_json, add_settings


def add_data(commands) -> None:
    """Adds `zoo data`."""
    text = "check a data set and draw a contact sheet of it"
    command = add_command(commands, "data", "data.data_command", text)
    command.add_argument("data", metavar="DATA", help=DATA)
    command.add_argument("--split", help="split to read (default: all)")
    command.add_argument(
        "--out",
        metavar="SHEET.png",
        help="contact sheet with the labels drawn; with --anchors, a plot of the anchors",
    )
    command.add_argument(
        "--images", type=int, default=12, help="number of images on the sheet (default: 12)"
    )
    command.add_argument(
        "--labels-only",
        action="store_true",
        help="read labels and image headers only, which is much faster",
    )
    command.add_argument(
        "--drop-bad",
        action="store_true",
        help="leave out what can be left out safely, as DATA?drop_bad=1 does in any command",
    )
    command.add_argument(
        "--anchors", type=int, metavar="K", help="cluster the boxes into K anchor shapes instead"
    )
    command.add_argument(
        "--speed",
        action="store_true",
        help="measure images per second of each stage of the training pipeline instead",
    )
    command.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        help="seconds per measurement of --speed (default: 3)",
    )
    command.add_argument(
        "--model",
        metavar="NAME",
        help="architecture whose recipe --speed uses (default: one for the data set's labels)",
    )
    add_settings(command, "key of that recipe")
    add_image_size(
        command, "model input size (default: 416x416 for --anchors, the recipe's for --speed)"
    )
    command.add_argument(
        "--resize",
        choices=("letterbox", "stretch"),
        default="letterbox",
        help="resize rule of --anchors (default: letterbox)",
    )
    add_json(command)


def add_data_worker(commands) -> None:
    """Adds `zoo data-worker`."""
    text = "make training batches for runs on other machines (zoo train --data-service)"
    command = add_command(commands, "data-worker", "data.data_worker", text)
    command.add_argument(
        "--join", metavar="grpc://HOST:PORT", help="address of a data worker to share the work of"
    )
    command.add_argument("--port", type=int, default=0, help="port (default: any free one)")
    command.add_argument(
        "--host",
        default="localhost",
        help="name of this machine for the others (default: localhost)",
    )
