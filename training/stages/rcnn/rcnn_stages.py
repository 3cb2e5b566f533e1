"""The stages of R-CNN behind the gradient steps, in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zoo
from training.data.sources import Source
from training.evaluation_callback import measured
from training.progress import Bar
from training.run import Run
from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_regression import regress_boxes
from training.stages.rcnn.rcnn_svms import mine
from zoo.detection.two_stage.warped_regions import (
    WarpedRegionDetector,
    set_box_regression,
    set_svms,
)
from zoo.files.atomic_writes import digest_of


def solve_rcnn(run: Run, source: Source, held_out: str, log: Callable[[str], None]) -> None:
    """Solves the SVMs and the box regression of the best epoch's model, and keeps that model.

    A run that was killed in between goes on with the features that are there; one whose model is
    solved is left as it is. `run.json` then has `stages`: what the held-out split gives with the
    softmax on proposals (`softmax`), on regressed boxes (`softmax_boxes`), and with the SVMs on
    these (`svm_boxes`). The SVMs are kept whichever is better, unless the model has none.

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
        run.write_info(best=list(run.info["stages"].values())[-1])
        return
    model: Any = run.model()
    assert isinstance(model, WarpedRegionDetector)
    names, count = run.labels, source.sizes["train"]
    files = FeatureFiles(run, model, len(names))
    with Bar("features of train", count) as bar:
        files.make(source, bar)
    stages = {"softmax": run.info["best"]}
    weights, intercepts, pairs = regress_boxes(files, count, len(names))
    set_box_regression(model, weights, intercepts)
    log(f"box regression: {pairs} proposals near an object")
    svm = model.arguments.get("scores", "svm") == "svm"
    if svm:
        # A run killed while it wrote its last lines has kept a solved model.
        model.box_head.get_layer("scores").solved.assign(0.0)
    stages["softmax_boxes"] = _measured(run, model, source, held_out)
    if svm:
        with Bar("background of train", count) as bar:
            svms = mine(files, count, names, bar)
        set_svms(model, svms.weights, svms.intercepts)
        for note in svms.notes:
            log(note)
        stages["svm_boxes"] = _measured(run, model, source, held_out)
    best = list(stages.values())[-1]
    run.write_model(model)
    run.write_info(solved=digest_of(path), stages=stages, best=best)
    files.remove()
    told = ", ".join(f"{name} {stage['value']:.4f}" for name, stage in stages.items())
    log(f"{best['metric']}: {told}")
    if best["value"] < stages["softmax_boxes"]["value"]:
        log("the softmax is better here than the SVMs; model.scores=softmax leaves them out")


def _measured(run: Run, model: zoo.Model, source: Source, split: str) -> dict[str, Any]:
    """The run's best epoch with what its model, as it is now, gives on a split."""
    best = run.info["best"]
    found = measured(run, model.task_name, run.predictor(model), source, split)
    return {**best, "value": float(found[best["metric"].removeprefix("val_")])}
