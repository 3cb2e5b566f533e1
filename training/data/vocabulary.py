"""Words as numbers, for captions."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.errors import InputError
from zoo.files.atomic_writes import write_text
from zoo.tasks.captioning_task import END, PADDING, SPECIAL, START, UNKNOWN

_INSIDE_WORDS = "['’]"


def words_of(text: str) -> list[str]:
    """The words of a sentence in lower case, without signs: `woman's` is `womans`."""
    return re.findall(r"\w+", re.sub(_INSIDE_WORDS, "", text.lower()))


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words that captions are made of.

    Word i of `words` has the number i + 4; 0 is padding, 1 the start, 2 the end of a sentence, 3 a
    word that is not in the vocabulary.

    Attributes:
        words: in lower case, each once.

    Raises:
        InputError: there are no words, or one is there twice, or is more than one word.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words:
            raise InputError("The vocabulary is empty; give captions with words in them.")
        seen: set[str] = set()
        for word in self.words:
            if words_of(word) != [word]:
                raise InputError(
                    f"{word[:40]!r} is not one word in lower case; write such as 'cat'."
                )
            if word in seen:
                raise InputError(f"{word[:40]!r} is in the vocabulary twice; remove one.")
            seen.add(word)

    def __len__(self) -> int:
        """Numbers there are, the four special ones among them."""
        return len(SPECIAL) + len(self.words)

    @classmethod
    def of(
        cls, texts: Iterable[str | bytes], min_count: int = 1, limit: int | None = None
    ) -> Vocabulary:
        """The words of training captions, the most frequent first, equal ones by the alphabet.

        Args:
            texts: captions; bytes are UTF-8.
            min_count: occurrences that a word needs. DenseCap's code asks for 15.
            limit: at most so many words.

        Raises:
            InputError: no word is left.
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
                "give more captions or a smaller min_count."
            )
        return cls(tuple(words))

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """A vocabulary from a plain text file, one word a line.

        Raises:
            InputError: the file cannot be read, is empty, or a line is not a word of its own.
        """
        try:
            lines = path.read_bytes().decode("utf-8-sig").splitlines()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}.") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a text file in UTF-8.") from error
        try:
            return cls(tuple(line.strip() for line in lines if line.strip()))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the words, one a line; `load` takes them back."""
        write_text(path, "".join(f"{word}\n" for word in self.words))

    def encode(self, texts: Sequence[str | bytes], length: int) -> tuple[np.ndarray, Cut]:
        """Sentences as numbers, between start and end.

        Args:
            texts: N sentences; bytes are UTF-8.
            length: T, words of a sentence that are kept, at least 1.

        Returns:
            (N, T + 2) int32, padded with 0, and what was cut or unknown.
        """
        numbers = self._numbers
        rows = np.full((len(texts), length + 2), PADDING, np.int32)
        cut = words = unknown = 0
        for row, text in zip(rows, texts, strict=True):
            found = words_of(_as_text(text))
            kept = [numbers.get(word, UNKNOWN) for word in found[:length]]
            row[: len(kept) + 2] = [START, *kept, END]
            cut += len(found) > length
            words += len(kept)
            unknown += kept.count(UNKNOWN)
        return rows, Cut(len(texts), cut, words, unknown)

    @property
    def tokens(self) -> tuple[str, ...]:
        """What each number stands for."""
        return (*SPECIAL, *self.words)

    @property
    def _numbers(self) -> dict[str, int]:
        return {word: len(SPECIAL) + i for i, word in enumerate(self.words)}

    def encoder(self, length: int) -> Callable[[tf.Tensor], tf.Tensor]:
        """`encode` inside tf.data: takes (N,) strings and gives (N, T + 2) int32."""
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

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The sentence of a row of numbers, up to its end; without start and padding."""
        return sentence(tokens, self.tokens)


def sentence(tokens: np.ndarray | Sequence[int], names: Sequence[str]) -> str:
    """The sentence of a row of numbers, up to its end; without start and padding.

    Args:
        tokens: (T,) numbers; one without a name is an unknown word.
        names: what each number stands for.
    """
    words = []
    for token in np.asarray(tokens).tolist():
        if token == END:
            break
        if token not in (PADDING, START):
            words.append(names[token] if 0 <= token < len(names) else SPECIAL[UNKNOWN])
    return " ".join(words)


@dataclasses.dataclass(frozen=True)
class Cut:
    """What encoding left out.

    Attributes:
        sentences: encoded.
        shortened: of them, cut at the length limit.
        words: kept.
        unknown: of them, not in the vocabulary.
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
