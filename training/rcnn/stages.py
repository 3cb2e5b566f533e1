"""The stages of R-CNN behind the gradient steps, in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zoo
from training.evaluation import evaluate
from training.progress import Bar
from training.rcnn.features import FeatureFiles, digest_of
from training.rcnn.regression import regress_boxes
from training.rcnn.svms import mine
from training.run import Run
from training.sources import Source
from zoo.detection.warped_regions import (
    WarpedRegionDetector,
    set_box_regression,
    set_svms,
)


def solve_rcnn(run: Run, source: Source, held_out: str, say: Callable[[str], None]) -> None:
    """Solves the SVMs and the box regression of the best epoch's model, and keeps that model.

    A run that was killed in between goes on with the features that are there; one whose model is
    solved is left as it is. `run.json` then has `stages`, what the softmax and the solved model
    reach on the held-out split.

    Args:
        run: with a kept model.
        source: the data set with its proposals.
        held_out: the split to measure on.
        say: takes lines for the user.

    Raises:
        InputError: nothing to learn from.
    """
    path = run.folder / "model.keras"
    if run.info.get("solved") == digest_of(path):
        # Epochs that were no better may have said otherwise.
        run.write_info(best=run.info["stages"]["solved"])
        return
    model: Any = run.model()
    assert isinstance(model, WarpedRegionDetector)
    names, count = run.labels, source.sizes["train"]
    files = FeatureFiles(run, model, len(names))
    with Bar("features of train", count) as bar:
        files.make(source, bar)
    if model.arguments.get("scores", "svm") == "svm":
        with Bar("background of train", count) as bar:
            svms = mine(files, count, names, bar)
        set_svms(model, svms.weights, svms.intercepts)
        for note in svms.notes:
            say(note)
    weights, intercepts, pairs = regress_boxes(files, count, len(names))
    set_box_regression(model, weights, intercepts)
    say(f"box regression: {pairs} proposals near an object")
    learned = run.info["best"]
    solved = {**learned, "value": _measured(run, model, source, held_out, learned["metric"])}
    run.write_model(model)
    run.write_info(
        solved=digest_of(path), stages={"softmax": learned, "solved": solved}, best=solved
    )
    files.remove()
    say(
        f"{learned['metric']} {learned['value']:.4f} by the softmax, {solved['value']:.4f} by what "
        "was solved"
    )


def _measured(run: Run, model: zoo.Model, source: Source, split: str, metric: str) -> float:
    limit = run.recipe.measure_pictures or None
    total = min(limit or source.sizes[split], source.sizes[split])
    samples = source.samples(split, limit)
    with Bar(f"measuring {split}", total) as bar:
        found = evaluate(
            model.task_name, run.answerer(model), source, split, run.labels, samples, bar
        )
    return float(found[metric.removeprefix("val_")])
