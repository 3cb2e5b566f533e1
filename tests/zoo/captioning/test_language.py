"""The language model against its definition in float64; greedy and beam search."""

import itertools

import keras
import numpy as np
import pytest

from zoo.captioning.beam_search import beam_search
from zoo.captioning.language_model import LanguageModel
from zoo.errors import InputError

SIZE, CODE, UNITS, EMBEDDING = 8, 6, 5, 4
END, UNKNOWN = 2, 3


@pytest.fixture
def model():
    language = LanguageModel(SIZE, UNITS, EMBEDDING)
    language.build((None, CODE))
    random = np.random.default_rng(7)
    language.set_weights([random.normal(0, 1.2, w.shape) for w in language.get_weights()])
    return language


@pytest.fixture
def codes():
    return np.random.default_rng(8).normal(0, 1, (9, CODE)).astype("float32")


class Reference:
    """The model in float64, from its weights."""

    def __init__(self, model):
        parts = [weight.astype("float64") for weight in model.get_weights()]
        self.image, self.image_bias, self.table = parts[:3]
        self.kernel, self.recurrent, self.bias, self.words, self.word_bias = parts[3:]

    def step(self, x, state):
        h, c = state
        i, f, g, o = np.split(x @ self.kernel + h @ self.recurrent + self.bias, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        return o * np.tanh(c), c

    def start(self, code):
        x = np.maximum(code @ self.image + self.image_bias, 0)
        return self.step(x, (np.zeros(UNITS), np.zeros(UNITS)))

    def log_probabilities(self, code, inputs):
        """Of the end, the unknown word and the words, after each of the inputs."""
        state = self.start(code)
        rows = []
        for token in inputs:
            # Padding, start (and end), unknown, words.
            state = self.step(self.table[{0: 0, 1: 1, 2: 1}.get(token, token - 1)], state)
            scores = state[0] @ self.words + self.word_bias
            rows.append(scores - np.log(np.exp(scores - scores.max()).sum()) - scores.max())
        return np.array(rows)


def test_loss_is_the_cross_entropy_of_the_words(model, codes):
    captions = np.array(
        [[1, 4, 5, 2, 0, 0], [1, 7, 3, 6, 6, 2], [1, 2, 0, 0, 0, 0], [1, 4, 4, 4, 2, 0]]
    )
    reference, expected = Reference(model), []
    for code, caption in zip(codes, captions, strict=False):
        found = reference.log_probabilities(code, caption[:-1])
        expected.append(-sum(found[t, w - 2] for t, w in enumerate(caption[1:]) if w))
    valid = np.array([True, True, True, False])
    loss = float(model.loss(codes[:4], captions, valid))
    np.testing.assert_allclose(loss, np.mean(expected[:3]), rtol=1e-5)
    assert float(model.loss(codes[:4], captions, np.zeros(4, bool))) == 0


def test_greedy_takes_the_most_probable_word(model, codes):
    found = keras.ops.convert_to_numpy(model.greedy(codes, 6))
    assert found.shape == (9, 6) and found.dtype == "int32"
    reference = Reference(model)
    for code, row in zip(codes, found, strict=True):
        tokens = [1]
        while len(tokens) <= 6:
            tokens.append(int(reference.log_probabilities(code, tokens)[-1].argmax()) + 2)
            if tokens[-1] == END:
                break
        words = [token for token in tokens[1:] if token != END]
        assert row.tolist() == words + [0] * (6 - len(words))


def test_a_beam_of_one_is_greedy(model, codes):
    found = beam_search(model, codes, 6, 1)
    np.testing.assert_array_equal(found, model.greedy(codes, 6))


def test_a_wide_beam_finds_the_most_probable_sentence(model, codes):
    length, words = 3, range(UNKNOWN, SIZE)
    # Wide enough for all partial captions of two words.
    found = keras.ops.convert_to_numpy(beam_search(model, codes, length, 60))
    reference = Reference(model)
    better_than_greedy = 0
    for code, row, greedy in zip(codes, found, model.greedy(codes, length), strict=True):
        scores = {}
        for count in range(length + 1):
            for sentence in itertools.product(words, repeat=count):
                tokens = [*sentence, END][:length]
                rows = reference.log_probabilities(code, [1, *tokens[:-1]])
                scores[sentence] = sum(rows[t, w - 2] for t, w in enumerate(tokens))
        best = max(scores, key=scores.get)
        assert row.tolist() == [*best, *[0] * (length - len(best))]
        better_than_greedy += row.tolist() != keras.ops.convert_to_numpy(greedy).tolist()
    assert better_than_greedy


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA by tf.function")
def test_searches_are_compiled_with_static_shapes(model, codes):
    import tensorflow as tf

    def both(x):
        return model.greedy(x, 4), beam_search(model, x, 4, 3)

    compiled = tf.function(both, jit_compile=True, autograph=False)(tf.constant(codes))
    for found, expected in zip(compiled, both(tf.constant(codes)), strict=True):
        assert found.shape == (9, 4)
        np.testing.assert_array_equal(found, expected)


def test_bad_input(model, codes):
    with pytest.raises(InputError, match="and one word"):
        LanguageModel(4)
    with pytest.raises(InputError, match="beam_width must be at least 1"):
        beam_search(model, codes, 3, 0)
