"""Proposals beside the samples of a data set, for the models that take them."""

from __future__ import annotations

import copy

import numpy as np
import tensorflow as tf

import zoo
from training.data.proposals.cached_proposals import Proposer
from training.data.sources import FileSource, Source
from training.recipe import Recipe
from zoo.errors import InputError


def proposer_of(architecture: str, recipe: Recipe) -> Proposer | None:
    """What a recipe's proposals come from; None for an architecture that takes none.

    Raises:
        InputError: as `open_proposals`, or the recipe has a data service.
    """
    from training.data.proposals import open_proposals

    if "proposals" not in zoo.card(architecture).inputs:
        return None
    if recipe.data_service:
        raise InputError(
            f"recipe: data_service: workers do not run Python, where the proposals of "
            f"{architecture} are made; leave it empty."
        )
    return open_proposals(recipe.proposals)


def with_proposals(source: Source, proposer: Proposer | None, limit: int) -> Source:
    """The data set whose samples have `proposals` (limit, 4) too, zeros behind the last.

    Args:
        source: the data set; it is left as it is.
        proposer: what proposes them; None gives the data set itself.
        limit: most of an image, the first ones.
    """
    if proposer is None:
        return source
    propose = proposer
    named = isinstance(source, FileSource)

    def found(name: bytes, image: np.ndarray) -> np.ndarray:
        if named:
            propose.set_image_name(name.decode(errors="replace"), image)
        boxes = np.zeros((limit, 4), np.float32)
        first = propose(image)[:limit]
        boxes[: len(first)] = first
        return boxes

    @tf.autograph.experimental.do_not_convert
    def decode(record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        sample = source.decode(record)
        name = record["image"] if named else tf.constant("")
        boxes = tf.numpy_function(found, [name, sample["image"]], tf.float32)
        return {**sample, "proposals": tf.ensure_shape(boxes, (limit, 4))}

    given = copy.copy(source)
    given.keys = (*source.keys, "proposals")
    # An image is searched as a whole, so it is also decoded as a whole.
    changes = {
        "decode": decode,
        "open": decode,
        "size_of": source.size_of,
        "fingerprint": lambda split: source.fingerprint(split) + f"{propose.name} {limit}".encode(),
    }
    for name, function in changes.items():
        setattr(given, name, function)
    return given
