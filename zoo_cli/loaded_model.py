"""Opening what a command was given: a run folder or a `.keras` file."""

from __future__ import annotations

import dataclasses
import inspect
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from training.data.proposals import Proposer, proposer_of, with_proposals
from training.data.sources import Source, open_source
from training.drawing import Names
from training.evaluation.superpixels import parse_superpixels, voting
from training.recipe import Recipe, recipe_for
from training.run import Run, open_run, predictor, serving_resize
from zoo.errors import InputError
from zoo.inference.inference_options import PLAIN, InferenceOptions
from zoo_cli.inference_arguments import inference_of
from zoo_cli.prediction_files import names_of


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model with what is needed to use it.

    Attributes:
        path: where it is.
        model: the model.
        labels: class names; numbers for a bare file.
        image_size: canvas, None to run images at their own size.
        fit: how images go on the canvas.
        run: the run, None for a bare file.
        inference: tiles, scales and flips.
        superpixels: scale of the superpixels that vote on the answer; None for no vote.
        proposer: of the boxes that the model takes beside an image; None where it takes none.
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
        """A function from one image (H, W, C) uint8 to final answers."""
        prediction = predictor(
            self.model, self.image_size, self.resize, self.inference, self.proposer
        )
        return prediction if self.superpixels is None else voting(prediction, self.superpixels)

    def proposing(self, predict: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
        """An exported file's answers for an image alone, whatever the file takes beside it."""
        proposer = self.proposer
        return predict if proposer is None else lambda image: predict(image, proposer(image))

    @property
    def names(self) -> Names:
        """What the numbers of its answers stand for."""
        info = self.run.info if self.run else {}
        skeleton = tuple((int(a), int(b)) for a, b in info.get("skeleton", ()))
        joints = tuple(info.get("joint_names", ()))
        return names_of(self.model.task_name, self.labels, joints, skeleton)

    def aids(self) -> dict[str, Any]:
        """Tiles, scales, flips and superpixels as plain values."""
        return {**self.inference.to_dict(), "superpixels": self.superpixels}

    def source(self, data: str | None) -> Source:
        """The data set named, or the one the run was trained on, with as many classes."""
        spec = data or (self.run.data if self.run else None)
        if spec is None:
            raise InputError(f"{self.path}: a bare model; say on what with --data.")
        source = open_source(spec)
        count = len(source.names_for(self.model.task.classes_of))
        if count > len(self.labels):
            raise InputError(
                f"{spec} has {count} classes, {self.path} answers "
                f"{len(self.labels)}: {', '.join(self.labels)}."
            )
        return with_proposals(source, self.proposer, recipe_of(self.model, self.run).max_proposals)


def recipe_of(model: zoo.Model, run: Run | None) -> Recipe:
    """The run's recipe, or the architecture's own."""
    return run.recipe if run else recipe_for(str(model.architecture), model.task_name)


def open_model(path: str, proposals: str | None = None) -> LoadedModel:
    """Opens a run folder or a `.keras` file.

    Args:
        path: of either.
        proposals: in place of the recipe's, for models that take any.

    Raises:
        InputError: it is neither, or proposals are not to be had or not taken.
    """
    loaded = _opened(path)
    recipe = recipe_of(loaded.model, loaded.run)
    if proposals is not None:
        if not loaded.model.takes_proposals:
            raise InputError(f"{path}: {loaded.model.architecture} takes no proposals.")
        recipe = recipe.changed({"proposals": proposals})
    proposer = proposer_of(str(loaded.model.architecture), recipe)
    return dataclasses.replace(loaded, proposer=proposer)


def _opened(path: str) -> LoadedModel:
    where = Path(path)
    if where.is_dir():
        run = open_run(where)
        resize = serving_resize(run.recipe.resize)
        size = None if resize == "native" else run.recipe.image_size
        return LoadedModel(where, run.model(), run.labels, size, resize, run)
    model = zoo.load(where)
    # A captioner knows its words.
    labels = getattr(model, "tokens", None) or map(str, range(class_count(model)))
    return LoadedModel(where, model, list(labels), None, "native", None)


def class_count(model: zoo.Model) -> int:
    """How many classes (or joints, where these are what the task names) a model was built for."""
    argument = "num_keypoints" if model.task.classes_of == "keypoints" else "num_classes"
    builder = zoo.card(str(model.architecture)).builder
    defaults = {name: p.default for name, p in inspect.signature(builder).parameters.items()}
    return int({**defaults, **model.arguments}[argument])


def open_with_options(options: Namespace) -> LoadedModel:
    """Opens `options.model`, to be used with the aids that the other options ask for.

    Raises:
        InputError: no model there, or aids that do not go with it.
    """
    loaded = open_model(options.model, options.proposals)
    inference = inference_of(options)
    inference.check(loaded.model.task_name)
    text = getattr(options, "superpixels", None)
    superpixels = None if text is None else parse_superpixels(text)
    if superpixels is not None and loaded.model.task_name != "segmentation":
        raise InputError(
            f"superpixels vote on answers of segmentation, not of {loaded.model.task_name}."
        )
    changes: dict[str, Any] = {"image_size": None, "resize": "native"} if options.native else {}
    if options.image_size:
        loaded.model.check_size(options.image_size)
        resize = serving_resize(recipe_of(loaded.model, loaded.run).resize)
        changes = {
            "image_size": options.image_size,
            "resize": "letterbox" if resize == "native" else resize,
        }
    loaded = dataclasses.replace(loaded, inference=inference, superpixels=superpixels, **changes)
    _check_tile(loaded)
    return loaded


def _check_tile(loaded: LoadedModel) -> None:
    """Refuses tiles that the canvas is no larger than: they would do nothing."""
    tile, size = loaded.inference.tile, loaded.image_size
    if tile is None or size is None:
        return
    largest = max(loaded.inference.scales)
    if all(side * largest <= length for side, length in zip(size, tile, strict=True)):
        raise InputError(
            f"{loaded.path} answers images on a canvas of {size[0]}x{size[1]}, which one tile of "
            f"{tile[0]}x{tile[1]} covers; with --native they are answered at their own size."
        )


def as_model_sees(image, channels: int):
    """An RGB image with the channels the model takes."""
    if channels == 3:
        return image
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L"))[..., None]
