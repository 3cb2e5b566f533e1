"""The architectures by name, found without importing Keras."""

from __future__ import annotations

import functools
import importlib
import json
import sys
from pathlib import Path

from zoo.cards import Card
from zoo.errors import InputError, nearest

CARDS_FILE = Path(__file__).with_name("cards.json")
"""The cards with their computed counts; `python docs/make_models.py` writes it."""

_PACKAGES = (
    "zoo.classification",
    "zoo.segmentation",
    "zoo.localization",
    "zoo.detection",
    "zoo.instances",
    "zoo.captioning",
    "zoo.darknet",
)
_registered: dict[str, Card] = {}


def list_models(task: str | None = None) -> list[str]:
    """Returns the names of all architectures, or of those of one task, in alphabetical order.

    Args:
        task: name of a task, a key of `zoo.tasks.TASKS`; None for all.

    Raises:
        InputError: if `task` is unknown.
    """
    cards = _known().values()
    tasks = sorted({card.task for card in cards})
    if task is not None and task not in tasks:
        raise InputError(
            f"unknown task {task!r}{nearest(task, tasks)} Available: {', '.join(tasks)}."
        )
    return sorted(card.name for card in cards if card.listed and task in (None, card.task))


def card(name: str) -> Card:
    """Returns the card of the architecture called `name`.

    Args:
        name: registry name.

    Raises:
        InputError: if no architecture has that name; the message suggests the nearest one.
    """
    if name not in _known() and "keras" in sys.modules:
        # It may be newer than the file; without Keras, importing all takes seconds.
        register_all()
    known = _known()
    if name not in known:
        hint = nearest(name, known)
        raise InputError(f"unknown architecture {name!r}{hint} `zoo list` shows those available.")
    return known[name]


def add(card: Card) -> None:
    """Adds the card of a builder; raises ValueError if another architecture has the same name."""
    stored = _stored().get(card.name)
    if card.name in _registered or (stored is not None and stored.module != card.module):
        raise ValueError(f"Two architectures are named {card.name!r}.")
    _registered[card.name] = card


def register_all() -> None:
    """Imports every architecture of the zoo, which registers its builder and its classes."""
    for package in _PACKAGES:
        importlib.import_module(package)


def registered() -> list[Card]:
    """Returns the cards of the imported builders, in alphabetical order."""
    return [_registered[name] for name in sorted(_registered)]


def _known() -> dict[str, Card]:
    if not _stored():
        register_all()
    return {**_stored(), **_registered}


@functools.cache
def _stored() -> dict[str, Card]:
    if not CARDS_FILE.is_file():
        return {}
    cards = map(Card.from_json, json.loads(CARDS_FILE.read_text()))
    return {card.name: card for card in cards}
