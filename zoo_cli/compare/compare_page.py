"""The page of a comparison, report.md."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_cli.compare.compare_choice import Row
from zoo_cli.compare.compare_plots import AXES
from zoo_cli.compare.compare_tasks import comparison, metric_name
from zoo_cli.output import short

if TYPE_CHECKING:
    from zoo_cli.compare.compare_report import Report


def page(report: Report, plots: Mapping[str, Path], samples: Path | None) -> str:
    """The report as Markdown; `plots` and `samples` are files beside it."""
    number = len(report.plans)
    parts = [
        f"# {number} {report.task} model{'s' * (number != 1)} on {report.plans[0].data}",
        f"```\n{report.command}\n```",
        _facts(report),
        "## Recommendation",
        "\n".join(f"- {line}" for line in report.choice.lines),
        "## Results",
        markdown_table(*_results(report)),
        _failures(report),
    ]
    if plots:
        parts.append("## Accuracy and what it costs")
        parts += [f"![accuracy and {AXES[cost][0]}]({p.name})" for cost, p in plots.items()]
    if samples:
        parts += ["## The same images by each", f"![samples]({samples.name})"]
    if report.parts:
        parts += ["## By class", markdown_table(*_by_class(report))]
    parts += ["## How it was measured", _method(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _facts(report: Report) -> str:
    plan, sizes = report.plans[0], report.source.sizes
    recipe = plan.recipe
    facts = {
        "data": f"{plan.data}: {', '.join(f'{size} in {name}' for name, size in sizes.items())}",
        "measured on": plan.split,
        "budget": f"{plan.budget} of training for each model",
        "pipeline": f"canvas {recipe.image_size[0]}×{recipe.image_size[1]}, `{recipe.resize}`, "
        f"{recipe.batch_size} images a batch, seed {recipe.seed}{_own(report)}",
        "machine": _machine(report),
        "rows": _aliases(report),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
    return "\n".join(f"- {key}: {value}" for key, value in facts.items() if value)


def _aliases(report: Report) -> str:
    """What stands behind the names that are no architectures', as it differs from its default."""
    return "; ".join(
        f"{plan.name} is {plan.architecture}"
        + (f" with {', '.join(f'{k}={v}' for k, v in own.items())}" if own else "")
        for plan in report.plans
        if plan.name != plan.architecture
        for own in [plan.recipe.model]
    )


def _own(report: Report) -> str:
    """Names the models whose pipeline was set otherwise."""
    first = report.plans[0].recipe
    own = [
        plan.name
        for plan in report.plans[1:]
        if (plan.recipe.image_size, plan.recipe.batch_size, plan.recipe.epochs, plan.recipe.seed)
        != (first.image_size, first.batch_size, first.epochs, first.seed)
    ]
    return f" ({report.plans[0].name}; otherwise for {', '.join(own)})" if own else ""


def _machine(report: Report) -> str:
    found = []
    for row in report.done:
        m = row["machine"]
        words = f"{m['system']}, {m['processor']}, {m['cores']} cores"
        if m["memory"]:
            words += f", {m['memory'] / 1e9:.0f} GB"
        words += f"; {', '.join(m['accelerators']) or 'no accelerator'}"
        words += f"; Keras {m['keras']} on {m['backend']}, TensorFlow {m['tensorflow']}"
        found.append(words)
    return " / ".join(dict.fromkeys(found))


def _results(report: Report) -> tuple[list[str], list[list[str]]]:
    metrics = report.columns or [report.metric.key]
    headings = ["model", *map(metric_name, metrics)]
    headings += ["parameters", "FLOPs", "epochs", "minutes", "images/s", "training memory"]
    accelerated = any(row.get("peak_accelerator_memory") for row in report.done)
    headings += ["accelerator memory"] * accelerated + ["ms", "size", "front"]
    rows = []
    for row in report.done:
        cells = [row["name"], *(_number(row["metrics"].get(key), ".4f") for key in metrics)]
        cells += [short(row["parameters"]), _size(row.get("flops"), "")]
        cells += [f"{row['epochs']} (best {row['best_epoch']})", f"{row['minutes']:.2f}"]
        cells += [f"{row['images_per_second']:.1f}", _size(row.get("peak_memory"))]
        cells += [_size(row.get("peak_accelerator_memory"))] * accelerated
        cells += [_number(row.get("milliseconds"), ".1f"), _exported(row)]
        cells.append("●" if row["name"] in report.choice.front else "")
        rows.append(cells)
    for row in report.failed:
        reason = f"failed: {row.get('error') or 'not finished'}"
        rows.append([row["name"], reason, *["—"] * (len(headings) - 2)])
    return headings, rows


def _number(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def _size(value: float | None, unit: str = "B") -> str:
    return "—" if value is None else f"{short(value)}{unit}"


def _exported(row: Row) -> str:
    if row.get("exported_bytes") is None:
        return "—"
    return f"{_size(row['exported_bytes'])} .{row['exported_as']}"


def _failures(report: Report) -> str:
    """What the table has no room for: where measuring or exporting went wrong."""
    lines = [
        f"- {row['name']}: {reason}"
        for row in report.done
        for reason in (
            row.get("measure_error") and f"trained, but not timed: {row['measure_error']}",
            row.get("export_note") and f"no LiteRT file: {row['export_note']}",
        )
        if reason
    ]
    return "\n".join(lines)


def _by_class(report: Report) -> tuple[list[str], list[list[str]]]:
    key = comparison(report.task).parts
    rows = [
        [row["name"], *(_number(row["metrics"][key].get(name), ".4f") for name in report.parts)]
        for row in report.done
    ]
    return ["model", *report.parts], rows


def _method(report: Report) -> str:
    plan = report.plans[0]
    own = report.source.held_out() == plan.split
    timed = next((row for row in report.done if row.get("image_size")), None)
    lines = [
        "Metrics are of final answers, in the pixels of the original images, by the model of "
        f"the best epoch{', which was chosen on the same images' if own else ''}.",
        "One training with one seed each: differences of a point or two may be chance.",
        f"On the front (●): no other model is at least as good in {report.metric.name}, time, "
        "size and memory, and better in one.",
    ]
    if plan.minutes is not None:
        lines.append(
            "A trial of at most two epochs, which the budget does not count, says how many epochs "
            "fit, so that each model's schedule comes to its end."
        )
    lines.append(
        "Minutes are those of the epochs, validation included, as are the training images a "
        "second (median epoch, without the first, which compiles). Memory is the peak of the "
        "training process, Python and TensorFlow included."
    )
    if timed:
        size = "×".join(map(str, timed["image_size"]))
        lines.append(
            f"Milliseconds are the median of at least 20 answers for one image of {size} by the "
            "Keras model after warming up, all models one after another at the end. Size is that "
            "of the exported LiteRT file where there is one."
        )
    return "\n".join(f"- {line}" for line in lines)
