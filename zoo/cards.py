"""What is known of an architecture: its task, its paper, its figures, its size."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zoo.abstract_build import build_abstract
from zoo.flops import count_flops

if TYPE_CHECKING:
    from zoo.model import Model


@dataclasses.dataclass(frozen=True)
class Paper:
    """Where an architecture was published."""

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
        summary: the idea in one line.
        paper: where it was published.
        published: arguments that give the configuration of the paper.
        tiny: arguments that exercise the same code at a fraction of the size, for tests.
        published_results: published results with their source.
        paper_parameters: the paper's own parameter figure, in its words; empty if it gives none.
        expected_parameters: parameters of the published configuration worked out from the layer
            table, trainable or stored; one of the two counts of the built model must equal it.
        flops_size: height and width at which `flops()` counts.
        targets: keys of the sample schema that it learns from, where not the task's.
        inputs: keys of the sample schema that it takes.
        notes: what a user should know before choosing it.
        listed: whether it is one to choose; one that is not stands for models made from files.
        builder: the function that builds it.
    """

    name: str
    task: str
    summary: str
    paper: Paper
    published: dict[str, Any]
    tiny: dict[str, Any]
    published_results: tuple[PublishedResult, ...]
    paper_parameters: str
    expected_parameters: int | None
    flops_size: tuple[int, int]
    notes: str
    targets: tuple[str, ...]
    builder: Callable[..., Model] = dataclasses.field(repr=False)
    inputs: tuple[str, ...] = ("image",)
    listed: bool = True

    def build_published(self) -> Model:
        """Builds the paper's configuration."""
        return self.builder(**self.published)

    def build_tiny(self, **arguments: Any) -> Model:
        """Builds the tiny configuration; `arguments` replace or add to its own."""
        return self.builder(**{**self.tiny, **arguments})

    def parameters(self) -> dict[str, int]:
        """Counts of the published configuration: `trainable`, and `stored` (all weights)."""
        return dict(_parameters(self.name))

    def flops(self) -> int:
        """Multiplications and additions of one image at `flops_size`, counted on the model."""
        return _flops(self.name)

    def to_json(self, counts: bool = True) -> dict[str, Any]:
        """The card as plain values; `counts=False` leaves out what needs the model to be built."""
        data = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("builder", "paper", "published_results")
        }
        data["paper"] = dataclasses.asdict(self.paper)
        data["published_results"] = [
            dataclasses.asdict(result) for result in self.published_results
        ]
        if counts:
            data["parameters"] = self.parameters()
            data["flops"] = self.flops()
        return data


@functools.cache
def _parameters(name: str) -> tuple[tuple[str, int], ...]:
    from zoo.registry import card

    model = build_abstract(card(name).build_published)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    stored = sum(math.prod(variable.shape) for variable in model.weights)
    return (("trainable", trainable), ("stored", stored))


@functools.cache
def _flops(name: str) -> int:
    from zoo.registry import card

    entry = card(name)
    shape = entry.published.get("input_shape")
    channels = shape[-1] if shape else 3
    arguments = {**entry.published, "input_shape": (*entry.flops_size, channels)}
    return count_flops(build_abstract(lambda: entry.builder(**arguments)))
