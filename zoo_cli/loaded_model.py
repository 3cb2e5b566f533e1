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
from training.run import Run, answerer, open_run, serving_fit
from zoo.errors import InputError
from zoo.inference.inference_options import PLAIN, Inference
from zoo_cli.inference_arguments import inference_of
from zoo_cli.prediction_files import names_of


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model with what is needed to use it.

    Attributes:
        path: where it is.
        model: the model.
        labels: class names; numbers for a bare file.
        image_size: canvas, None to run pictures at their own size.
        fit: how pictures go on the canvas.
        run: the run, None for a bare file.
        inference: tiles, scales and flips.
        superpixels: scale of the superpixels that vote on the answer; None for no vote.
        proposer: of the boxes that the model takes beside a picture; None where it takes none.
    """

    path: Path
    model: zoo.Model
    labels: list[str]
    image_size: tuple[int, int] | None
    fit: str
    run: Run | None
    inference: Inference = PLAIN
    superpixels: int | None = None
    proposer: Proposer | None = None

    def answerer(self):
        """A function from one picture (H, W, C) uint8 to final answers."""
        answer = answerer(self.model, self.image_size, self.fit, self.inference, self.proposer)
        return answer if self.superpixels is None else voting(answer, self.superpixels)

    def proposing(self, answer: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
        """An exported file's answers for a picture alone, whatever the file takes beside it."""
        proposer = self.proposer
        return answer if proposer is None else lambda image: answer(image, proposer(image))

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


def open_model(path: str, proposals: str | None = None) -> Opened:
    """Opens a run folder or a `.keras` file.

    Args:
        path: of either.
        proposals: in place of the recipe's, for models that take any.

    Raises:
        InputError: it is neither, or proposals are not to be had or not taken.
    """
    opened = _opened(path)
    recipe = recipe_of(opened.model, opened.run)
    if proposals is not None:
        if not opened.model.takes_proposals:
            raise InputError(f"{path}: {opened.model.architecture} takes no proposals.")
        recipe = recipe.changed({"proposals": proposals})
    proposer = proposer_of(str(opened.model.architecture), recipe)
    return dataclasses.replace(opened, proposer=proposer)


def _opened(path: str) -> Opened:
    where = Path(path)
    if where.is_dir():
        run = open_run(where)
        fit = serving_fit(run.recipe.fit)
        size = None if fit == "native" else run.recipe.image_size
        return Opened(where, run.model(), run.labels, size, fit, run)
    model = zoo.load(where)
    # A captioner knows its words.
    labels = getattr(model, "tokens", None) or map(str, range(class_count(model)))
    return Opened(where, model, list(labels), None, "native", None)


def class_count(model: zoo.Model) -> int:
    """How many classes (or joints, where these are what the task names) a model was built for."""
    argument = "num_keypoints" if model.task.classes_of == "keypoints" else "num_classes"
    builder = zoo.card(str(model.architecture)).builder
    defaults = {name: p.default for name, p in inspect.signature(builder).parameters.items()}
    return int({**defaults, **model.arguments}[argument])


def open_with_aids(options: Namespace) -> Opened:
    """Opens `options.model`, to be used with the aids that the other options ask for.

    Raises:
        InputError: no model there, or aids that do not go with it.
    """
    opened = open_model(options.model, options.proposals)
    inference = inference_of(options)
    inference.check(opened.model.task_name)
    text = getattr(options, "superpixels", None)
    superpixels = None if text is None else parse_superpixels(text)
    if superpixels is not None and opened.model.task_name != "segmentation":
        raise InputError(
            f"superpixels vote on answers of segmentation, not of {opened.model.task_name}."
        )
    changes: dict[str, Any] = {"image_size": None, "fit": "native"} if options.native else {}
    if options.image_size:
        opened.model.check_size(options.image_size)
        fit = serving_fit(recipe_of(opened.model, opened.run).fit)
        changes = {"image_size": options.image_size, "fit": "fit" if fit == "native" else fit}
    opened = dataclasses.replace(opened, inference=inference, superpixels=superpixels, **changes)
    _check_tile(opened)
    return opened


def _check_tile(opened: Opened) -> None:
    """Refuses tiles that the canvas is no larger than: they would do nothing."""
    tile, size = opened.inference.tile, opened.image_size
    if tile is None or size is None:
        return
    largest = max(opened.inference.scales)
    if all(side * largest <= length for side, length in zip(size, tile, strict=True)):
        raise InputError(
            f"{opened.path} answers pictures on a canvas of {size[0]}x{size[1]}, which one tile of "
            f"{tile[0]}x{tile[1]} covers; with --native they are answered at their own size."
        )


def as_model_sees(image, channels: int):
    """An RGB picture with the channels the model takes."""
    if channels == 3:
        return image
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L"))[..., None]
