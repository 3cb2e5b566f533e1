"""Results of `zoo compare`: report.md, results.csv, results.json, plots and sample images."""

from __future__ import annotations

import csv
import dataclasses
import io
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from training.data.sources import Source
from training.drawing import save_sheet, sheet
from zoo.files.atomic_writes import write_json, write_text
from zoo.tasks import TASKS
from zoo_cli.compare.compare_choice import COSTS, Choice, choose, pareto
from zoo_cli.compare.compare_folder import sample_positions
from zoo_cli.compare.compare_page import page
from zoo_cli.compare.compare_plan import Plan
from zoo_cli.compare.compare_plots import write_plots
from zoo_cli.compare.compare_tasks import Headline, comparison, headline
from zoo_cli.output import short, table

COLUMNS = (
    *("parameters", "trainable_parameters", "flops", "epochs", "epochs_planned", "best_epoch"),
    *("minutes", "images_per_second", "peak_memory", "peak_accelerator_memory"),
    *("milliseconds", "exported_bytes", "exported_as"),
)
"""Keys of a row in `results.csv`, beside its name, metrics and error."""


@dataclasses.dataclass(frozen=True)
class Report:
    """A finished comparison; `rows` holds the `result.json` of the model of each plan."""

    command: str
    source: Source
    plans: list[Plan]
    rows: list[dict[str, Any]]

    @property
    def task(self) -> str:
        return self.plans[0].task

    @property
    def metric(self) -> Headline:
        """Metric that ranks the models."""
        return headline(self.task)

    @cached_property
    def done(self) -> list[dict[str, Any]]:
        """Rows of trained models, best first."""
        sign = -1 if self.metric.better == "max" else 1
        done = [row for row in self.rows if row.get("status") == "done"]
        return sorted(done, key=lambda row: sign * row["value"])

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows of the other models."""
        return [row for row in self.rows if row.get("status") != "done"]

    @property
    def baseline(self) -> float | None:
        """Metric of the majority baseline; None where the task has none."""
        if not self.done:
            return None
        return self.done[0]["metrics"].get("majority_baseline", {}).get(self.metric.key)

    @cached_property
    def choice(self) -> Choice:
        """The recommendation."""
        return choose(self.done, self.metric, comparison(self.task).margin, self.baseline)

    @property
    def scalars(self) -> list[str]:
        """Metrics that are one number, the ranking one first."""
        metrics = [item for row in self.done for item in row["metrics"].items()]
        plain = dict.fromkeys(key for key, value in metrics if isinstance(value, float))
        return sorted(plain, key=lambda key: key != self.metric.key)

    @property
    def columns(self) -> list[str]:
        """Metrics of the table in report.md."""
        chosen = comparison(self.task).columns
        return [key for key in self.scalars if not chosen or key in (self.metric.key, *chosen)]

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names of the data set."""
        return self.source.names_for(TASKS[self.task].classes_of)

    @property
    def parts(self) -> list[str]:
        """Classes with their own metric."""
        metrics = self.done[0]["metrics"] if self.done else {}
        return list(metrics.get(comparison(self.task).parts, {}))

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain values, for `results.json`."""
        plan = self.plans[0]
        return {
            "command": self.command,
            "date": time.strftime("%Y-%m-%d %H:%M"),
            "task": self.task,
            "data": plan.data,
            "split": plan.split,
            "images": dict(self.source.sizes),
            "budget": plan.budget,
            "metric": dataclasses.asdict(self.metric),
            "baseline": self.baseline,
            "recommendation": dataclasses.asdict(self.choice),
            "fronts": {
                cost: [row["name"] for row in pareto(self.done, self.metric, [cost])]
                for cost in COSTS
            },
            "recipes": {plan.name: plan.to_dict()["recipe"] for plan in self.plans},
            "rows": [*self.done, *self.failed],
        }

    def to_csv(self) -> str:
        """Returns a line per model, including failed ones; sizes in bytes."""
        part = comparison(self.task).parts
        names = [f"{part}:{name}" for name in self.parts]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        first = ("name", "architecture", "status")
        writer.writerow([*first, *self.scalars, *names, *COLUMNS, "error"])
        for row in (*self.done, *self.failed):
            metrics = row.get("metrics", {})
            values = [metrics.get(key) for key in self.scalars]
            values += [metrics.get(part, {}).get(name) for name in self.parts]
            values += [row.get(key) for key in COLUMNS]
            error = row.get("error") or row.get("measure_error") or ""
            writer.writerow([row["name"], row["architecture"], row.get("status"), *values, error])
        return text.getvalue()

    def to_text(self) -> str:
        """Returns the table and the recommendation for a terminal."""
        rows = [
            (
                row["name"],
                f"{row['value']:.4f}",
                f"{row['milliseconds']:.1f}" if row.get("milliseconds") is not None else "",
                short(row["exported_bytes"]) + "B" if row.get("exported_bytes") else "",
                short(row["peak_memory"]) + "B" if row.get("peak_memory") else "",
                f"{row['minutes']:.1f}",
                "front" if row["name"] in self.choice.front else "",
            )
            for row in self.done
        ]
        headings = ("model", self.metric.name, "ms", "size", "memory", "minutes", "")
        lines = [table(rows, headings, right=" ".join(headings[1:6])), ""] if rows else []
        lines += [f"{row['name']}: failed: {row.get('error')}" for row in self.failed]
        return "\n".join([*lines, *(line.replace("**", "") for line in self.choice.lines)])


def write_report(report: Report, out: Path) -> None:
    """Writes all files into the folder `out`."""
    write_json(out / "results.json", report.to_dict())
    write_text(out / "results.csv", report.to_csv())
    for stale in (*out.glob("accuracy_*.png"), out / "samples.png"):
        stale.unlink(missing_ok=True)
    plan = report.plans[0]
    title = f"{report.task} on {plan.data}, {plan.split}, {plan.budget} each"
    plots = write_plots(report.done, report.metric, title, out)
    samples = _write_samples(report, out)
    write_text(out / "report.md", page(report, plots, samples))


def _write_samples(report: Report, out: Path) -> Path | None:
    """Writes a row per sample image: image, ground truth and each model's prediction."""
    draw = comparison(report.task).draw
    if draw is None or not report.done:
        return None
    predictions = [dict(np.load(out / row["name"] / "samples.npz")) for row in report.done]
    split, labels = report.plans[0].split, report.labels
    positions = sample_positions(report.source.sizes[split])
    rows: list[list[np.ndarray]] = []
    for position, (_, sample) in enumerate(report.source.samples(split)):
        if position not in positions:
            continue
        prefix = f"{len(rows)}_"
        row = [sample["image"], draw(sample["image"], sample, labels)]
        for arrays in predictions:
            one = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            row.append(draw(sample["image"], one, labels))
        rows.append(row)
    headings = ["image", "ground truth", *(f"{r['name']}  {r['value']:.3f}" for r in report.done)]
    cell = 256 if len(headings) <= 8 else 176
    path = out / "samples.png"
    legend = labels if report.task == "segmentation" else ()
    save_sheet(path, sheet(rows, headings, legend, cell))
    return path
