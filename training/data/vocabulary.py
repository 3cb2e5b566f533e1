"""Vocabularies: words as token ids, for captions."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from zoo.errors import InputError
from zoo.tasks.captioning_task import END, PADDING, SPECIAL, START, UNKNOWN

_INSIDE_WORDS = "['’]"


def words_of(text: str) -> list[str]:
    """Returns the words of a caption in lower case without punctuation: `woman's` is `womans`."""
    return re.findall(r"\w+", re.sub(_INSIDE_WORDS, "", text.lower()))


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words of captions.

    Word i of `words` has the token id i + 4; 0 is padding, 1 the start and 2 the end of a caption,
    3 an unknown word.

    Attributes:
        words: unique words in lower case.

    Raises:
        InputError: if there are no words, or one is a duplicate or not a single word.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words:
            raise InputError("The vocabulary is empty; use captions with words.")
        seen: set[str] = set()
        for word in self.words:
            if words_of(word) != [word]:
                raise InputError(
                    f"A word of the vocabulary must be one word in lower case, not {word[:40]!r}."
                )
            if word in seen:
                raise InputError(f"{word[:40]!r} is twice in the vocabulary; remove one.")
            seen.add(word)

    def __len__(self) -> int:
        """Number of tokens, including the four special ones."""
        return len(SPECIAL) + len(self.words)

    @classmethod
    def of(
        cls, texts: Iterable[str | bytes], min_count: int = 1, limit: int | None = None
    ) -> Vocabulary:
        """Returns the vocabulary of captions, by descending frequency, then alphabetically.

        Args:
            texts: captions; bytes are UTF-8.
            min_count: occurrences that make a word part of the vocabulary (15 in DenseCap's code).
            limit: maximum number of words; None for no limit.
        """
        counts = Counter(word for text in texts for word in words_of(_as_text(text)))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ranked if counts[word] >= min_count][:limit]
        if not words:
            most = ""
            if ranked:
                most = f"; the most frequent of {len(ranked)} occurs {counts[ranked[0]]} times"
            raise InputError(
                f"The vocabulary is empty: no word occurs {min_count} times in the captions{most}; "
                "use more captions or a smaller min_count."
            )
        return cls(tuple(words))

    def encode(
        self, texts: Sequence[str | bytes], length: int
    ) -> tuple[np.ndarray, EncodingStatistics]:
        """Encodes N captions as (N, length + 2) int32 token ids between start and end tokens.

        Rows are padded with 0, and further words are cut; `length` is at least 1.
        """
        numbers = {word: len(SPECIAL) + i for i, word in enumerate(self.words)}
        rows = np.full((len(texts), length + 2), PADDING, np.int32)
        cut = words = unknown = 0
        for row, text in zip(rows, texts, strict=True):
            found = words_of(_as_text(text))
            tokens = [numbers.get(word, UNKNOWN) for word in found[:length]]
            row[: len(tokens) + 2] = [START, *tokens, END]
            cut += len(found) > length
            words += len(tokens)
            unknown += tokens.count(UNKNOWN)
        return rows, EncodingStatistics(len(texts), cut, words, unknown)

    @property
    def tokens(self) -> tuple[str, ...]:
        """Tokens by token id."""
        return (*SPECIAL, *self.words)

    def encoder(self, length: int) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns `encode` for tf.data, from (N,) strings to (N, T + 2) int32."""
        # A table that is made inside the graph of a data set is never initialized.
        with tf.init_scope():
            numbers = tf.range(len(SPECIAL), len(self), dtype=tf.int32)
            table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.constant(self.words), numbers), UNKNOWN
            )

        def encode(texts: tf.Tensor) -> tf.Tensor:
            texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
            texts = tf.strings.lower(texts, encoding="utf-8")
            texts = tf.strings.regex_replace(texts, _INSIDE_WORDS, "")
            texts = tf.strings.regex_replace(texts, r"[^\pL\pN_]+", " ")
            tokens = table.lookup(tf.strings.split(texts)[:, :length])
            edge = tf.ones_like(texts, tf.int32)[:, None]
            rows = tf.concat([edge * START, tokens, edge * END], axis=1)
            return rows.to_tensor(PADDING, shape=(None, length + 2))

        return encode


def sentence(tokens: np.ndarray | Sequence[int], names: Sequence[str]) -> str:
    """Returns the caption of (T,) token ids up to the end token, without start and padding."""
    words = []
    for token in np.asarray(tokens).tolist():
        if token == END:
            break
        if token not in (PADDING, START):
            words.append(names[token] if 0 <= token < len(names) else SPECIAL[UNKNOWN])
    return " ".join(words)


@dataclasses.dataclass(frozen=True)
class EncodingStatistics:
    """Counts of an encoding.

    Attributes:
        sentences: number of captions.
        shortened: number of captions cut at the length limit.
        words: number of encoded words.
        unknown: number of encoded words outside the vocabulary.
    """

    sentences: int
    shortened: int
    words: int
    unknown: int

    def __str__(self) -> str:
        return (
            f"{self.shortened} of {self.sentences} captions were cut to the length limit; "
            f"{self.unknown} of {self.words} words are unknown"
        )


def _as_text(text: str | bytes) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text
