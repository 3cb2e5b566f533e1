"""Opening what a command was given: a run folder or a `.keras` file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import zoo
from training.run import Run, answerer, open_run, serving_fit
from training.sources import Source, open_source
from zoo.errors import InputError


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
    """

    path: Path
    model: zoo.Model
    labels: list[str]
    image_size: tuple[int, int] | None
    fit: str
    run: Run | None

    def answerer(self):
        """A function from one picture (H, W, C) uint8 to final answers."""
        return answerer(self.model, self.image_size, self.fit)

    def source(self, data: str | None) -> Source:
        """The data set named, or the one the run was trained on, with as many classes."""
        spec = data or (self.run.data if self.run else None)
        if spec is None:
            raise InputError(f"{self.path}: a bare model; say on what with --data.")
        source = open_source(spec)
        if source.num_classes > len(self.labels):
            raise InputError(
                f"{spec} has {source.num_classes} classes, {self.path} answers "
                f"{len(self.labels)}: {', '.join(self.labels)}."
            )
        return source


def open_model(path: str) -> Opened:
    """Opens a run folder or a `.keras` file.

    Raises:
        InputError: it is neither.
    """
    where = Path(path)
    if where.is_dir():
        run = open_run(where)
        fit = serving_fit(run.recipe.fit)
        size = None if fit == "native" else run.recipe.image_size
        return Opened(where, run.model(), run.labels, size, fit, run)
    model = zoo.load(where)
    classes = model.output[model.task.answers[0]].shape[-1]
    return Opened(where, model, [str(i) for i in range(classes)], None, "native", None)


def as_model_sees(image, channels: int):
    """An RGB picture with the channels the model takes."""
    if channels == 3:
        return image
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L"))[..., None]
