"""Arguments of `zoo bench`."""

from __future__ import annotations

from zoo_cli.arguments import MODEL, add_command, add_image_size, add_json, add_settings


def add_bench(commands) -> None:
    """Adds `zoo bench`."""
    text = "measure latency, throughput, memory and size of models"
    command = add_command(commands, "bench", "bench.bench_command", text)
    command.add_argument("names", metavar="NAME|RUN", nargs="+", help=f"architecture, {MODEL}")
    add_image_size(command, "model input size (default: the recipe's)")
    command.add_argument(
        "--batch-size",
        type=int,
        help="images per batch of forward_batch and train_step (default: the recipe's)",
    )
    add_settings(command, "model.… argument of the builder, or key of the recipe such as precision")
    command.add_argument(
        "--tiny", action="store_true", help="small configurations, not the published ones"
    )
    command.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="PART",
        help="forward, forward_batch, train_step, saved_model, litert (default: all)",
    )
    command.add_argument(
        "--rounds", type=int, default=5, help="rounds in which the models take turns (default: 5)"
    )
    command.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        help="seconds per part and round (default: 0.5)",
    )
    add_json(command)
