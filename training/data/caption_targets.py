"""The captions of a data set and their vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from training.data.batch_config import BatchConfig
from training.data.sources import Source
from training.data.vocabulary import Vocabulary
from zoo.errors import InputError
from zoo.tasks.captioning_task import SPECIAL


def with_vocabulary(
    config: BatchConfig, source: Source, min_count: int = 1, tokens: Sequence[str] = ()
) -> tuple[BatchConfig, list[str]]:
    """Returns the batch config with the vocabulary of the training captions, and log lines.

    The vocabulary has the words with at least `min_count` occurrences, or the `tokens` of an
    earlier one. Without `captions` among the targets the config is returned unchanged.
    """
    if "captions" not in config.targets:
        return config, []
    config.check(source)
    texts = texts_of(source, "train")
    try:
        vocabulary = (
            Vocabulary(tuple(tokens[len(SPECIAL) :])) if tokens else Vocabulary.of(texts, min_count)
        )
    except InputError as error:
        raise InputError(f"{source.spec}: {error}") from error
    _, cut = vocabulary.encode(texts, max(1, config.max_words))
    note = f"{source.spec}: {len(vocabulary.words)} words of {cut.sentences} training captions"
    changed = dataclasses.replace(config, vocabulary=vocabulary)
    return changed, [f"{note}; at most {config.max_words} words each: {cut}."]


def texts_of(source: Source, split: str) -> list[bytes]:
    """Returns all captions of a split, without padding."""
    if hasattr(source, "texts"):
        return [text for text in source.texts(split) if text]
    # Without the image in the result, images are not decoded.
    records = source.raw(source.check_split(split)).map(
        lambda record: source.decode(record)["texts"], num_parallel_calls=tf.data.AUTOTUNE
    )
    with source.translate_errors(split):
        return [text for row in records.as_numpy_iterator() for text in row.tolist() if text]
