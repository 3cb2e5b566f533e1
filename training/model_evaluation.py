"""`evaluate`: the metrics of a trained model on a data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zoo
from training.data.defect_warning import warn_of_defects
from training.data.proposals import with_proposals
from training.data.sources import Source, open_source
from training.evaluation import evaluate_predictor
from training.recipe import recipe_for
from training.run import Run, open_run, predictor, proposer_of
from zoo.errors import InputError
from zoo.inference.inference_options import PLAIN, InferenceOptions


def evaluate(
    model: Run | zoo.Model | str | os.PathLike[str],
    data: str | Source | None = None,
    split: str | None = None,
    *,
    inference: InferenceOptions = PLAIN,
    max_images: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Evaluates the predictions of a model, in original-image coordinates.

    Args:
        model: run, run folder, `.keras` file or model.
        data: data set or its name; default the one that the run was trained on.
        split: split of the data set; default `val`, else `test`.
        inference: test-time options.
        max_images: maximum number of images, evenly spread over the split; None for all.
        progress: function that takes the number of images done.

    Returns:
        The metrics by name, see `training.evaluation`.

    Raises:
        InputError: if there is no such model or split, no data set is given for a bare model, or
            the data set does not suit the model.
    """
    run, network = _opened(model)
    if data is None and run is None:
        raise InputError(
            "data must be a data set, such as 'masks:DIR', for a model without a run, not None."
        )
    data = run.data if data is None and run is not None else data
    source = data if isinstance(data, Source) else open_source(str(data))
    source.provide(network.task.targets)
    architecture = str(network.architecture)
    recipe = run.recipe if run else recipe_for(architecture, network.task_name)
    proposer = proposer_of(architecture, recipe)
    source = with_proposals(source, proposer, recipe.max_proposals)
    split = source.check_images(split or source.validation_split())
    warn_of_defects(source, (split,))
    predict = predictor(network, network.image_size, network.resize, inference, proposer)
    samples = source.samples(split, max_images)
    names = network.class_names
    return evaluate_predictor(network.task_name, predict, source, split, names, samples, progress)


def _opened(model: Run | zoo.Model | str | os.PathLike[str]) -> tuple[Run | None, zoo.Model]:
    if isinstance(model, zoo.Model):
        return None, model
    if not isinstance(model, Run):
        if not Path(model).is_dir():
            return None, zoo.load(model)
        model = open_run(model)
    return model, model.model()
