"""Parameters and FLOPs of an architecture's published configuration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from zoo.abstract_build import build_abstract
from zoo.flops import count_flops

if TYPE_CHECKING:
    from zoo.cards import Card


def count_card(card: Card) -> dict[str, int]:
    """Counts on models built for their shapes alone.

    Returns:
        `trainable` and `stored`, numbers of parameters, and `flops`, of one image at
        `card.flops_size`.
    """
    model = build_abstract(card.build_published)
    shape = card.published.get("input_shape")
    channels = shape[-1] if shape else 3
    arguments = {**card.published, "input_shape": (*card.flops_size, channels)}
    return {
        "trainable": sum(math.prod(variable.shape) for variable in model.trainable_variables),
        "stored": sum(math.prod(variable.shape) for variable in model.weights),
        "flops": count_flops(build_abstract(lambda: card.builder(**arguments))),
    }
