"""From a data set's sentences to what a captioner learns from: words with numbers."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence

import tensorflow as tf

import zoo
from training.data.pipeline import BatchConfig
from training.data.sources import Source
from training.data.vocabulary import Vocabulary
from training.recipe import Recipe
from zoo.errors import InputError
from zoo.tasks.captioning_task import SPECIAL


def with_vocabulary(
    batches: BatchConfig,
    architecture: str,
    source: Source,
    recipe: Recipe,
    tokens: Sequence[str] = (),
) -> tuple[BatchConfig, list[str]]:
    """The batches of a model that learns from captions with its words; others as they are.

    Args:
        batches: of the architecture.
        architecture: registry name.
        source: the data set, whose training captions give the words.
        recipe: says how often a word must occur, and how long sentences are.
        tokens: those of a run that goes on, which stay.

    Returns:
        The batches, and lines for the user: how many words there are, and what is cut or unknown.

    Raises:
        InputError: the data set has no sentences, or no word is left.
    """
    if "captions" not in batches.targets:
        return batches, []
    batches.check(source)
    texts = texts_of(source, "train")
    try:
        vocabulary = (
            Vocabulary(tuple(tokens[len(SPECIAL) :]))
            if tokens
            else Vocabulary.of(texts, recipe.min_word_count)
        )
    except InputError as error:
        raise InputError(f"{source.spec}: {error}") from error
    builder = inspect.signature(zoo.card(architecture).builder).parameters
    length = int(recipe.model.get("max_words", builder["max_words"].default))
    _, cut = vocabulary.encode(texts, max(1, length))
    note = f"{source.spec}: {len(vocabulary.words)} words of {cut.sentences} training captions"
    changed = dataclasses.replace(batches, vocabulary=vocabulary, max_words=length)
    return changed, [f"{note}; at most {length} words each: {cut}"]


def texts_of(source: Source, split: str) -> list[bytes]:
    """All sentences of a split, without those of padding.

    Raises:
        InputError: a record cannot be read.
    """
    if hasattr(source, "texts"):
        return [text for text in source.texts(split) if text]
    # Images are not asked for, so that they are not decoded.
    records = source.raw(source.check_split(split)).map(
        lambda record: source.decode(record)["texts"], num_parallel_calls=tf.data.AUTOTUNE
    )
    with source.explaining(split):
        return [text for row in records.as_numpy_iterator() for text in row.tolist() if text]
