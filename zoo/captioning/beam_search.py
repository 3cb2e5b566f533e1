"""Beam search for the most probable caption."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from zoo.boxes.numerics import take_rows
from zoo.captioning.language_model import FIRST, LanguageModel
from zoo.errors import InputError
from zoo.tasks.captioning_task import END, PADDING, START


def beam_search(model: LanguageModel, codes, length: int, width: int):
    """Searches the most probable caption of each region, following `width` partial captions.

    A finished caption stays in the beam; captions are compared by the sum of the logarithms of
    their tokens' probabilities. A width of 1 is greedy. Returns token ids (N, length) int32 of
    codes (N, K), padded with 0.
    """
    if width < 1:
        raise InputError(f"beam_width must be at least 1, not {width}.")
    state = [_repeated(part, width) for part in model.start(codes)]
    count = ops.shape(codes)[0]
    first = ops.concatenate([ops.zeros((1, 1)), ops.full((1, width - 1), -math.inf)], axis=1)
    total = ops.zeros((count, 1)) + first
    token = ops.zeros((count, width), "int32") + START
    captions: Any = None
    for _ in range(length):
        x, state = model.step(model.embed(ops.reshape(token, (-1,))), state)
        scores = ops.log_softmax(model.score(x), axis=-1)
        choices = scores.shape[-1]
        scores = ops.reshape(scores, (-1, width, choices))
        ended = ops.logical_or(token == END, token == PADDING)
        scores = ops.where(ended[..., None], _only_end(choices), scores)
        totals = ops.reshape(total[..., None] + scores, (-1, width * choices))
        total, index = ops.top_k(totals, width)
        index = ops.cast(index, "int32")
        parent, token = index // choices, index % choices + FIRST
        token = ops.where(take_rows(ended, parent), PADDING, token)
        word = ops.where(token == END, PADDING, token)
        word = word[..., None]
        captions = (
            word
            if captions is None
            else ops.concatenate([take_rows(captions, parent), word], axis=-1)
        )
        state = [_of_parents(part, parent, width) for part in state]
    return captions[:, 0]


def _only_end(choices: int):
    """Log probabilities (1, 1, choices) after the end token, which repeats with certainty."""
    never = ops.full((1, 1, choices - 1), -math.inf)
    return ops.concatenate([ops.zeros((1, 1, 1)), never], axis=-1)


def _repeated(x, width: int):
    """Repeats each row: (N, H) → (N·width, H)."""
    return ops.reshape(ops.tile(x[:, None], (1, width, 1)), (-1, x.shape[-1]))


def _of_parents(x, parent, width: int):
    """States (N·width, H) of the selected partial captions (N, width)."""
    return ops.reshape(
        take_rows(ops.reshape(x, (-1, width, x.shape[-1])), parent), (-1, x.shape[-1])
    )
