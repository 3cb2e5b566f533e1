"""The card of an architecture: task, paper, arguments, published results and size."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class Paper:
    """The publication of an architecture."""

    authors: str
    title: str
    venue: str
    year: int

    def __str__(self) -> str:
        return f"{self.authors}, “{self.title}”, {self.venue}, {self.year}"


@dataclasses.dataclass(frozen=True)
class PublishedResult:
    """A published result: `metric` = `value` on `data`, as printed in `source`."""

    metric: str
    value: str
    data: str
    source: str


@dataclasses.dataclass(frozen=True)
class Card:
    """The card of an architecture.

    Attributes:
        name: registry name.
        task: name of the task, a key of `zoo.tasks.TASKS`.
        summary: summary in one line.
        paper: publication.
        module: name of the module with its builder.
        published: arguments of the paper's configuration.
        tiny: arguments of a small configuration that runs the same code, for tests.
        targets: keys of the sample schema that training needs.
        joint_targets: further targets of training on a data set that joins detection and
            classification images.
        inputs: keys of the sample schema that the model takes.
        stages: names of what training needs beside gradient steps, see `training.stages`.
        published_results: published results with their source.
        paper_parameters: parameter count as printed in the paper; empty where it gives none.
        expected_parameters: parameters of the published configuration by the paper's layer table;
            equals the trainable or the stored count of the built model.
        flops_size: height and width at which `flops()` counts, in pixels.
        notes: remarks for a user who chooses between architectures.
        listed: whether `list_models` names it; False for models made from files.
    """

    name: str
    task: str
    summary: str
    paper: Paper
    module: str
    published: dict[str, Any]
    tiny: dict[str, Any]
    targets: tuple[str, ...]
    joint_targets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("image",)
    stages: tuple[str, ...] = ()
    published_results: tuple[PublishedResult, ...] = ()
    paper_parameters: str = ""
    expected_parameters: int | None = None
    flops_size: tuple[int, int] = (512, 512)
    notes: str = ""
    listed: bool = True
    _builder: Callable[..., Model] | None = dataclasses.field(default=None, repr=False)
    _counts: Mapping[str, int] | None = dataclasses.field(default=None, repr=False)

    @property
    def builder(self) -> Callable[..., Model]:
        """The function that builds it; imports Keras."""
        return self._builder or getattr(importlib.import_module(self.module), self.name)

    def build_published(self) -> Model:
        """Builds the paper's configuration."""
        return self.builder(**self.published)

    def build_tiny(self, **arguments: Any) -> Model:
        """Builds the tiny configuration; `arguments` replace or add to its own."""
        return self.builder(**{**self.tiny, **arguments})

    def parameters(self) -> dict[str, int]:
        """Counts of the published configuration: `trainable`, and `stored` (all weights)."""
        return {key: self._counted[key] for key in ("trainable", "stored")}

    def flops(self) -> int:
        """Multiplications and additions of one image at `flops_size`, counted on the model."""
        return self._counted["flops"]

    @functools.cached_property
    def _counted(self) -> Mapping[str, int]:
        if self._counts is not None:
            return self._counts
        # Not at the top, because it imports Keras.
        from zoo.flops import count_card

        return count_card(self)

    def to_json(self, counts: bool = True) -> dict[str, Any]:
        """Returns the card as plain values; `counts=False` leaves out parameters and FLOPs."""
        data = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.name.startswith("_")
        }
        data["paper"] = dataclasses.asdict(self.paper)
        data["published_results"] = list(map(dataclasses.asdict, self.published_results))
        if counts:
            data["parameters"] = self.parameters()
            data["flops"] = self.flops()
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Card:
        """Returns the card of the values that `to_json` gives, read from a file."""
        values = {key: _with_tuples(value) for key, value in data.items()}
        counts = values.pop("parameters", None)
        if counts is not None:
            counts = {**counts, "flops": values.pop("flops")}
        results = tuple(PublishedResult(**result) for result in values.pop("published_results"))
        paper = Paper(**values.pop("paper"))
        return cls(**values, paper=paper, published_results=results, _counts=counts)


def _with_tuples(value: Any) -> Any:
    """A JSON value with tuples in place of lists, as builders' arguments are written."""
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return value
