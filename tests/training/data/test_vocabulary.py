"""Encoding and decoding of captions, with counts of the losses."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.vocabulary import (
    END,
    PADDING,
    START,
    UNKNOWN,
    EncodingStatistics,
    Vocabulary,
    sentence,
    words_of,
)
from zoo.errors import InputError

TEXTS = ["A red cat.", "a RED dog; a woman's hat", b"caf\xc3\xa9 cat"]


def test_most_frequent_words_come_first_and_equal_ones_by_the_alphabet():
    vocabulary = Vocabulary.of(TEXTS)
    assert vocabulary.words == ("a", "cat", "red", "café", "dog", "hat", "womans")
    assert len(vocabulary) == 11
    assert Vocabulary.of(TEXTS, min_count=2).words == ("a", "cat", "red")
    assert Vocabulary.of(TEXTS, limit=1).words == ("a",)


def test_encoding_by_hand_with_the_count_of_what_was_cut():
    vocabulary = Vocabulary.of(TEXTS, min_count=2)
    tokens, cut = vocabulary.encode(["red cat", "a dog", "a red cat a cat", ""], 3)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [
        [START, 6, 5, END, PADDING],
        [START, 4, UNKNOWN, END, PADDING],
        [START, 4, 6, 5, END],
        [START, END, PADDING, PADDING, PADDING],
    ]
    assert cut == EncodingStatistics(sentences=4, shortened=1, words=7, unknown=1)
    assert [sentence(row, vocabulary.tokens) for row in tokens] == [
        "red cat",
        "a <unk>",
        "a red cat",
        "",
    ]
    assert sentence([4, 99, -3, 5], vocabulary.tokens) == "a <unk> <unk> cat"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(), max_size=4), st.integers(1, 5))
def test_graph_and_numpy_encode_alike(texts, length):
    vocabulary = Vocabulary.of([*TEXTS, *texts])
    texts = [text.encode(errors="replace").decode() for text in texts]
    expected, _ = vocabulary.encode(texts, length)
    encoded = vocabulary.encoder(length)(tf.constant(texts, tf.string, (len(texts),)))
    for text, one, other in zip(texts, expected, encoded.numpy(), strict=True):
        # Python and TensorFlow's ICU know different versions of Unicode beyond these.
        if all(ord(letter) < 0x250 for letter in text):
            np.testing.assert_array_equal(one, other)
    assert encoded.shape == (len(texts), length + 2) and encoded.dtype == tf.int32


def test_the_graph_encoder_runs_in_a_pipeline():
    encode = Vocabulary.of(TEXTS).encoder(2)
    rows = tf.data.Dataset.from_tensors(tf.constant(["Café, dog!", "zebra's"])).map(encode)
    assert next(iter(rows)).numpy().tolist() == [[1, 7, 8, 2], [1, 3, 2, 0]]


@settings(deadline=None)
@given(st.lists(st.text(), max_size=8))
def test_captions_of_known_words_are_decoded_unchanged(texts):
    words = [word for text in texts for word in words_of(text)]
    if not words:
        with pytest.raises(InputError, match="empty"):
            Vocabulary.of(texts)
        return
    vocabulary = Vocabulary.of(texts)
    tokens, cut = vocabulary.encode(texts, max(len(words), 1))
    assert [sentence(row, vocabulary.tokens) for row in tokens] == [
        " ".join(words_of(t)) for t in texts
    ]
    assert cut.shortened == cut.unknown == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "empty"),
        (("cat", "cat"), "'cat' is twice in the vocabulary"),
        (("red cat",), "must be one word in lower case, not 'red cat'"),
        (("Cat",), "must be one word in lower case, not 'Cat'"),
    ],
)
def test_a_bad_word_is_one_line(given, words):
    with pytest.raises(InputError, match=words) as raised:
        Vocabulary(given)
    assert "\n" not in str(raised.value)


def test_the_error_of_rare_words_has_their_count():
    with pytest.raises(InputError, match=r"no word occurs 9 times .* most frequent of 7 occurs 3"):
        Vocabulary.of(TEXTS, min_count=9)
