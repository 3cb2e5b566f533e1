"""Beam search: the sentence of highest probability among those that begin well."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from zoo.boxes.numerics import take_rows
from zoo.captioning.language_model import FIRST, LanguageModel
from zoo.errors import InputError
from zoo.tasks.captioning_task import END, PADDING, START


def beam_search(model: LanguageModel, codes, length: int, width: int):
    """Follows the `width` likeliest beginnings of every sentence, a step a word.

    A sentence that has ended keeps its place, and is compared by the sum of the logarithms of its
    words' probabilities; a width of 1 gives the greedy sentence.

    Args:
        model: says words.
        codes: (N, K) of regions.
        length: T, the most words; all shapes are static.
        width: beginnings a region, at least 1.

    Returns:
        (N, length) token ids int32, 0 behind the last word.

    Raises:
        InputError: a width below 1.
    """
    if width < 1:
        raise InputError(f"a beam search follows 1 beginning or more, not {width}.")
    state = [_repeated(part, width) for part in model.see(codes)]
    count = ops.shape(codes)[0]
    first = ops.concatenate([ops.zeros((1, 1)), ops.full((1, width - 1), -math.inf)], axis=1)
    total = ops.zeros((count, 1)) + first
    token = ops.zeros((count, width), "int32") + START
    said: Any = None
    for _ in range(length):
        x, state = model.hear(model.embed(ops.reshape(token, (-1,))), state)
        step = ops.log_softmax(model.score(x), axis=-1)
        choices = step.shape[-1]
        step = ops.reshape(step, (-1, width, choices))
        ended = ops.logical_or(token == END, token == PADDING)
        step = ops.where(ended[..., None], _nothing_but_end(choices), step)
        grown = ops.reshape(total[..., None] + step, (-1, width * choices))
        total, index = ops.top_k(grown, width)
        index = ops.cast(index, "int32")
        parent, token = index // choices, index % choices + FIRST
        token = ops.where(take_rows(ended, parent), PADDING, token)
        word = ops.where(token == END, PADDING, token)
        said = word[..., None] if said is None else _longer(take_rows(said, parent), word)
        state = [_of_parents(part, parent, width) for part in state]
    return said[:, 0]


def _nothing_but_end(choices: int):
    """Logarithms of probabilities (1, 1, choices) after the end: it is the end for sure."""
    never = ops.full((1, 1, choices - 1), -math.inf)
    return ops.concatenate([ops.zeros((1, 1, 1)), never], axis=-1)


def _longer(said, word):
    """Sentences (N, width, t) and their next word (N, width)."""
    return ops.concatenate([said, word[..., None]], axis=-1)


def _repeated(x, width: int):
    """(N, H) → (N·width, H), the rows of one region beside one another."""
    return ops.reshape(ops.tile(x[:, None], (1, width, 1)), (-1, x.shape[-1]))


def _of_parents(x, parent, width: int):
    """States (N·width, H) of the beginnings (N, width) that were followed."""
    return ops.reshape(
        take_rows(ops.reshape(x, (-1, width, x.shape[-1])), parent), (-1, x.shape[-1])
    )
