"""Words become numbers and words again, and what is lost is counted."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.vocabulary import END, PADDING, START, UNKNOWN, Cut, Vocabulary, words_of
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
    assert cut == Cut(sentences=4, shortened=1, words=7, unknown=1)
    assert [vocabulary.decode(row) for row in tokens] == ["red cat", "a <unk>", "a red cat", ""]
    assert vocabulary.decode([4, 99, -3, 5]) == "a <unk> <unk> cat"


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
def test_known_sentences_come_back(texts):
    words = [word for text in texts for word in words_of(text)]
    if not words:
        with pytest.raises(InputError, match="empty"):
            Vocabulary.of(texts)
        return
    vocabulary = Vocabulary.of(texts)
    tokens, cut = vocabulary.encode(texts, max(len(words), 1))
    assert [vocabulary.decode(row) for row in tokens] == [" ".join(words_of(t)) for t in texts]
    assert cut.shortened == cut.unknown == 0


def test_saved_and_loaded(tmp_path):
    vocabulary = Vocabulary.of(TEXTS)
    vocabulary.save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt") == vocabulary
    assert (tmp_path / "vocabulary.txt").read_text(encoding="utf-8").splitlines()[3] == "café"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"cat\ncat\n", "'cat' is in the vocabulary twice"),
        (b"red cat\n", "'red cat' is not one word"),
        (b"Cat\n", "'Cat' is not one word in lower case"),
        (b"\xff\xfe", "not a text file in UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, content, words):
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words) as raised:
        Vocabulary.load(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_too_rare_words_say_how_rare():
    with pytest.raises(InputError, match=r"no word occurs 9 times .* most frequent of 7 occurs 3"):
        Vocabulary.of(TEXTS, min_count=9)
