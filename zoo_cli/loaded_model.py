"""Loading the model of a command: from a run folder or a `.keras` file."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from training.data.augment.lazy_image import with_channels
from training.data.batch_config import serving_resize
from training.data.proposals import Proposer, with_proposals
from training.data.sources import Source, open_source
from training.drawing import Names
from training.evaluation.superpixels import parse_superpixels, voting
from training.recipe import Recipe, recipe_for
from training.run import Run, open_run, predictor, proposer_of
from zoo.class_names import class_names_of
from zoo.errors import InputError
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo_cli.prediction_files import drawing_names


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model of a run folder, or of a `.keras` file without a run, and its use.

    `image_size` is the model input size (H, W), None for the images' own; `superpixels` the scale
    of the majority vote, None for no vote; `proposer` that of models that take proposals.
    """

    path: Path
    model: zoo.Model
    labels: list[str]
    image_size: tuple[int, int] | None
    resize: str
    run: Run | None
    inference: InferenceOptions = PLAIN
    superpixels: int | None = None
    proposer: Proposer | None = None

    def predictor(self):
        """Returns a function from one image (H, W, C) uint8 to its final predictions."""
        predict = predictor(self.model, self.image_size, self.resize, self.inference, self.proposer)
        return predict if self.superpixels is None else voting(predict, self.superpixels)

    def proposing(self, predict: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
        """Returns the predictor of an exported file with the proposals that it takes, if any."""
        proposer = self.proposer
        return predict if proposer is None else lambda image: predict(image, proposer(image))

    @property
    def names(self) -> Names:
        """Names of the classes and keypoints of its predictions."""
        info = self.run.info if self.run else {}
        skeleton = tuple((int(a), int(b)) for a, b in info.get("skeleton", ()))
        keypoints = tuple(info.get("keypoint_names", ()))
        return drawing_names(self.model.task_name, self.labels, keypoints, skeleton)

    def test_time_options(self) -> dict[str, Any]:
        """Returns tiles, scales, flips and superpixels as plain values."""
        return {**self.inference.to_dict(), "superpixels": self.superpixels}

    def source(self, data: str | None) -> Source:
        """Returns the data set, by default the run's; InputError if it does not fit the model."""
        spec = data or (self.run.data if self.run else None)
        if spec is None:
            raise InputError(f"{self.path}: no run, so it names no data set; add --data DATA.")
        source = open_source(spec)
        source.provide(self.model.task.targets)
        count = len(source.names_for(self.model.task.classes_of))
        if count > len(self.labels):
            raise InputError(
                f"{spec}: has {count} classes, more than the {len(self.labels)} of {self.path}: "
                f"{', '.join(self.labels)}."
            )
        return with_proposals(source, self.proposer, recipe_of(self.model, self.run).max_proposals)


def recipe_of(model: zoo.Model, run: Run | None) -> Recipe:
    """Returns the run's recipe, else that of the architecture."""
    return run.recipe if run else recipe_for(str(model.architecture), model.task_name)


def open_model(path: str, proposals: str | None = None) -> LoadedModel:
    """Loads the model of a run folder or `.keras` file; `proposals` replace the recipe's."""
    loaded = _loaded(path)
    recipe = recipe_of(loaded.model, loaded.run)
    if proposals is not None:
        if not loaded.model.takes_proposals:
            raise InputError(f"{path}: {loaded.model.architecture} takes no proposals.")
        recipe = recipe.changed({"proposals": proposals})
    proposer = proposer_of(str(loaded.model.architecture), recipe)
    return dataclasses.replace(loaded, proposer=proposer)


def _loaded(path: str) -> LoadedModel:
    where = Path(path)
    if where.is_dir():
        run = open_run(where)
        resize = serving_resize(run.recipe.batch.resize)
        size = None if resize == "native" else run.recipe.batch.image_size
        return LoadedModel(where, run.model(), run.labels, size, resize, run)
    model = zoo.load(where)
    return LoadedModel(
        where, model, list(class_names_of(model)), model.image_size, model.resize, None
    )


def open_with_options(options: Namespace) -> LoadedModel:
    """Loads `options.model` with the test-time options of the command line."""
    loaded = open_model(options.model, options.proposals)
    scales = options.scales or (1.0,)
    inference = InferenceOptions(options.tile, options.overlap, scales, options.flip)
    inference.check(loaded.model.task_name)
    text = getattr(options, "superpixels", None)
    superpixels = None if text is None else parse_superpixels(text)
    if superpixels is not None and loaded.model.task_name != "segmentation":
        raise InputError(
            f"superpixels vote on predictions of segmentation, not of {loaded.model.task_name}."
        )
    changes: dict[str, Any] = {"image_size": None, "resize": "native"} if options.native else {}
    if options.image_size:
        loaded.model.check_size(options.image_size)
        resize = loaded.resize
        if resize == "native":
            resize = serving_resize(recipe_of(loaded.model, loaded.run).batch.resize)
        changes = {
            "image_size": options.image_size,
            "resize": "letterbox" if resize == "native" else resize,
        }
    loaded = dataclasses.replace(loaded, inference=inference, superpixels=superpixels, **changes)
    _check_tile(loaded)
    return loaded


def _check_tile(loaded: LoadedModel) -> None:
    """Refuses tiles that cover the whole model input: they would have no effect."""
    tile, size = loaded.inference.tile, loaded.image_size
    if tile is None or size is None:
        return
    largest = max(loaded.inference.scales)
    if all(side * largest <= length for side, length in zip(size, tile, strict=True)):
        raise InputError(
            f"{loaded.path}: one tile of {tile[0]}x{tile[1]} covers the model input of "
            f"{size[0]}x{size[1]}; tile images at their own size with --native."
        )


def with_model_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Returns an RGB image (H, W, 3) uint8 with the channels of the model, 3 or 1."""
    return np.asarray(with_channels(image, channels))
