"""The report of a comparison in Markdown, report.md."""

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
    """Returns the report as Markdown; `plots`, by cost, and `samples` are files beside it."""
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
        parts.append("## Accuracy and cost")
        parts += [f"![accuracy and {AXES[cost][0]}]({p.name})" for cost, p in plots.items()]
    if samples:
        parts += ["## Predictions for the same images", f"![samples]({samples.name})"]
    if report.parts:
        parts += ["## Metrics per class", markdown_table(*_per_class(report))]
    parts += ["## Method", _method(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Returns a Markdown table; all columns but the first are right-aligned."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _facts(report: Report) -> str:
    plan, sizes = report.plans[0], report.source.sizes
    batch = plan.recipe.batch
    height, width = batch.image_size
    facts = {
        "data": f"{plan.data}: {', '.join(f'{size} in {name}' for name, size in sizes.items())}",
        "measured on": plan.split,
        "budget": f"{plan.budget} of training per model",
        "pipeline": f"model input {height}×{width}, `{batch.resize}`, "
        f"{batch.batch_size} images per batch, seed {batch.seed}{_other_pipelines(report)}",
        "machine": _machine(report),
        "rows": _aliases(report),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
    return "\n".join(f"- {key}: {value}" for key, value in facts.items() if value)


def _aliases(report: Report) -> str:
    """Returns the architecture behind each alias, with its settings of the builder."""
    return "; ".join(
        f"{plan.name} is {plan.architecture}"
        + (f" with {', '.join(f'{k}={v}' for k, v in own.items())}" if own else "")
        for plan in report.plans
        if plan.name != plan.architecture
        for own in [plan.recipe.model]
    )


def _other_pipelines(report: Report) -> str:
    """Returns the names of the models with other settings of the pipeline, in words."""

    def pipeline(plan):
        batch = plan.recipe.batch
        return batch.image_size, batch.batch_size, plan.recipe.epochs, batch.seed

    first = pipeline(report.plans[0])
    others = [plan.name for plan in report.plans[1:] if pipeline(plan) != first]
    return f" ({report.plans[0].name}; different for {', '.join(others)})" if others else ""


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
    """Returns the errors of measuring and exporting."""
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


def _per_class(report: Report) -> tuple[list[str], list[list[str]]]:
    key = comparison(report.task).parts
    rows = [
        [row["name"], *(_number(row["metrics"][key].get(name), ".4f") for name in report.parts)]
        for row in report.done
    ]
    return ["model", *report.parts], rows


def _method(report: Report) -> str:
    plan = report.plans[0]
    same_images = report.source.validation_split() == plan.split
    timed = next((row for row in report.done if row.get("image_size")), None)
    lines = [
        "Metrics are of final predictions, in original-image pixels, of the model of the best "
        f"epoch{', which was selected on the same images' if same_images else ''}.",
        "Each model is trained once with one seed: differences of a point or two may be chance.",
        f"On the Pareto front (●): no other model is at least as good in {report.metric.name}, "
        "time, size and memory, and better in one.",
    ]
    if plan.minutes is not None:
        lines.append(
            "The number of epochs is measured by a trial of at most two epochs, outside the budget."
        )
    lines.append(
        "Minutes are those of the epochs, validation included, as are the training images per "
        "second (median epoch, without the first, which compiles). Memory is the peak of the "
        "training process, Python and TensorFlow included."
    )
    if timed:
        size = "×".join(map(str, timed["image_size"]))
        lines.append(
            f"Milliseconds are the median of at least 20 predictions for one image of {size} by "
            "the Keras model after a warm-up, all models one after another at the end. Size is "
            "that of the exported LiteRT file where there is one."
        )
    return "\n".join(f"- {line}" for line in lines)
