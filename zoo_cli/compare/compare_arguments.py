"""Arguments of `zoo compare`."""

from __future__ import annotations

from zoo_cli.arguments import DATA, add_command, add_image_size, add_json, add_settings


def add_compare(commands) -> None:
    """Adds `zoo compare`."""
    text = "train models under one budget and recommend one"
    command = add_command(commands, "compare", "compare.compare_command", text)
    command.add_argument(
        "names",
        metavar="[ALIAS=]NAME",
        nargs="*",
        help="architectures; aliases tell several variants of one architecture apart",
    )
    command.add_argument("--task", help="all models of a task, instead of names")
    command.add_argument("--data", help=f"{DATA} (default: that of --recipe)")
    command.add_argument(
        "--recipe", metavar="FILE", help="TOML file with data, keys of the recipe and [models.ROW]"
    )
    command.add_argument("--split", help="split to measure on (default: val, else test)")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes",
        type=float,
        help="training time of each model in minutes; a trial finds the number of epochs",
    )
    budget.add_argument(
        "--epochs", type=int, help="epochs of each model (default: the task's recipe's)"
    )
    command.add_argument("--batch-size", type=int, help="images per batch (default: the recipe's)")
    add_image_size(command, "model input size (default: the task's recipe's)")
    add_settings(
        command,
        "key of the recipe, for all models or one row: unet:model.filters=32",
        metavar="[NAME:]KEY=VALUE",
    )
    command.add_argument("--tiny", action="store_true", help="small configurations, for a trial")
    command.add_argument(
        "--out",
        metavar="DIR",
        help="folder of the comparison; an existing comparison is resumed "
        "(default: runs/compare-DATE)",
    )
    command.add_argument(
        "--measure-again",
        action="store_true",
        help="time and export the models trained in --out again, without training",
    )
    command.set_defaults(changes={}, row_changes={})
    add_json(command)
