"""R-CNN's SVMs and box regression, after the last epoch of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zoo
from training.data.sources import Source
from training.evaluation_callback import evaluate_split
from training.progress import Bar
from training.run import Run
from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_regression import regress_boxes
from training.stages.rcnn.rcnn_svms import mine_svms
from training.stages.stage import Stage
from zoo.detection.two_stage.warped_regions import (
    WarpedRegionDetector,
    set_box_regression,
    set_svms,
)
from zoo.files.atomic_writes import digest_of


class RegionSvms(Stage):
    """Fits the SVMs and the box regression of `rcnn` to features of the best epoch's model."""

    def conclude(
        self, run: Run, source: Source, val_split: str, log: Callable[[str], None]
    ) -> None:
        """Fits the SVMs and the box regression, and saves the model.

        An interrupted run resumes with the features that are stored; a run whose model is solved is
        left unchanged. `run.json` then has `stages`: the metric on the validation split with the
        softmax on proposals (`softmax`), on regressed boxes (`softmax_boxes`), and with the SVMs on
        these (`svm_boxes`). The SVMs are used even where the softmax is better, unless the model
        has none.
        """
        path = run.folder / "model.keras"
        if not run.info["best"]:
            return
        if run.info.get("solved") == digest_of(path):
            # The callbacks of a resumed run have written the best epoch again.
            run.write_info(best=list(run.info["stages"].values())[-1])
            return
        model: Any = run.model()
        assert isinstance(model, WarpedRegionDetector)
        files = FeatureFiles(run, model, len(run.labels))
        stages = solve_stages(run, model, files, source, val_split, log)
        best = list(stages.values())[-1]
        run.write_model(model)
        run.write_info(solved=digest_of(path), stages=stages, best=best)
        files.remove()
        values = ", ".join(f"{name} {stage['value']:.4f}" for name, stage in stages.items())
        log(f"{best['metric']}: {values}.")
        if best["value"] < stages["softmax_boxes"]["value"]:
            log(
                f"the softmax scores better than the SVMs on {val_split}; model.scores=softmax "
                "disables them."
            )


def solve_stages(
    run: Run,
    model: WarpedRegionDetector,
    files: FeatureFiles,
    source: Source,
    val_split: str,
    log: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Sets the box regression and the SVMs in a model; returns the metric after each stage."""
    names, count = run.labels, source.sizes["train"]
    with Bar("features of train", count) as bar:
        files.make(source, bar)
    stages = {"softmax": run.info["best"]}
    weights, intercepts, pairs = regress_boxes(files, count, len(names))
    set_box_regression(model, weights, intercepts)
    log(f"box regression: {pairs} proposals near an object.")
    svm = model.arguments.get("scores", "svm") == "svm"
    if svm:
        # The saved model is solved already if the run was interrupted after it was written.
        model.box_head.get_layer("scores").solved.assign(0.0)
    stages["softmax_boxes"] = _evaluated(run, model, source, val_split)
    if svm:
        with Bar("background of train", count) as bar:
            svms = mine_svms(files, count, names, bar)
        set_svms(model, svms.weights, svms.intercepts)
        for note in svms.notes:
            log(note)
        stages["svm_boxes"] = _evaluated(run, model, source, val_split)
    return stages


def _evaluated(run: Run, model: zoo.Model, source: Source, split: str) -> dict[str, Any]:
    """Returns the run's best result with the value that the model has on a split."""
    best = run.info["best"]
    if not best["metric"].startswith("val_"):
        return best  # the training loss, where the split has no labels that count
    metrics = evaluate_split(run, model.task_name, run.predictor(model), source, split)
    return {**best, "value": float(metrics[best["metric"].removeprefix("val_")])}
