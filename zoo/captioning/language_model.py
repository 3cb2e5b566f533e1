"""DenseCap's language model: an LSTM that sees what is in a region first, and then says it."""

from __future__ import annotations

from typing import Any

import keras
from keras import initializers, layers, ops

from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel
from zoo.losses.detection_losses import softmax_cross_entropy
from zoo.tasks.captioning_task import END, PADDING, SPECIAL, START

# The first id that a word can be predicted as: neither padding nor start is ever said.
FIRST = END


@keras.saving.register_keras_serializable(package="zoo")
class LanguageModel(layers.Layer):
    """Sentences from codes of regions (Johnson, Karpathy & Fei-Fei, *DenseCap*, CVPR 2016).

    The code of a region, made as small as a word's and rectified, is the first step, the start the
    second, then word by word. Start and end share an embedding, as in the authors' code.

    Args:
        vocabulary_size: token ids, the four special ones of `zoo.tasks.captioning_task` included.
        units: of the LSTM.
        embedding: numbers a word.
        gain: of the first weights on codes; they begin with the variance gain / K.

    Raises:
        InputError: a vocabulary without words.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding: int = 512,
        gain: float = 1 / 3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if vocabulary_size <= len(SPECIAL):
            raise InputError(
                f"vocabulary_size counts {len(SPECIAL)} special tokens and one word at least, so "
                f"it is {len(SPECIAL) + 1} or more, not {vocabulary_size}."
            )
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.embedding = embedding
        self.gain = gain
        first = initializers.VarianceScaling(gain, "fan_in", "uniform")
        self.encoder = layers.Dense(
            embedding, activation="relu", kernel_initializer=first, name="image"
        )
        apart = initializers.RandomNormal(stddev=1.0)
        self.table = layers.Embedding(vocabulary_size - 1, embedding, apart, name="words")
        self.cell = layers.LSTMCell(units, name="lstm")
        self.scorer = layers.Dense(vocabulary_size - FIRST, name="scores")

    def build(self, input_shape: Any) -> None:
        self.encoder.build((None, input_shape[-1]))
        self.table.build((None,))
        self.cell.build((None, self.embedding))
        self.scorer.build((None, self.units))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "embedding": self.embedding,
            "gain": self.gain,
        }

    def see(self, codes):
        """The state (h, c), each (N, units), after a region's code (N, K)."""
        x = self.encoder(codes)
        zeros = ops.zeros((ops.shape(x)[0], self.units), self.compute_dtype)
        return self.cell(x, [zeros, zeros])[1]

    def embed(self, tokens):
        """Vectors (…, embedding) of token ids (…)."""
        rows = ops.where(tokens >= END, tokens - 1, tokens)
        # Behind a reshape the gradient is dense; XLA and gradient clipping want no slices.
        return ops.take(ops.reshape(self.table.embeddings, (-1, self.embedding)), rows, axis=0)

    def hear(self, x, state):
        """What comes out of the LSTM, (N, units), and its state, after a vector (N, embedding)."""
        return self.cell(x, state)

    def score(self, x):
        """Logits (…, vocabulary_size − 2) float32 of the end, the unknown word and the words."""
        return ops.cast(self.scorer(x), "float32")

    def loss(self, codes, captions, where):
        """Cross-entropy of sentences, the sum over their words; the mean over sentences.

        Args:
            codes: (N, K) of regions.
            captions: (N, T) token ids: start, words, end, padding.
            where: (N,) bool, the sentences that count.
        """
        captions = ops.cast(captions, "int32")
        words = self.embed(captions[:, :-1])
        state, heard = self.see(codes), []
        for step in range(words.shape[1]):
            x, state = self.hear(words[:, step], state)
            heard.append(x)
        logits = self.score(ops.stack(heard, axis=1))
        truth = captions[:, 1:]
        counts = ops.logical_and(truth >= FIRST, ops.expand_dims(where, 1))
        errors = softmax_cross_entropy(logits, ops.maximum(truth - FIRST, 0))
        total = ops.sum(ops.where(counts, errors, 0.0))
        return total / ops.maximum(ops.sum(ops.cast(where, "float32")), 1.0)

    def greedy(self, codes, length: int):
        """The likeliest word at every step: (N, length) token ids int32, 0 behind the last word.

        Args:
            codes: (N, K) of regions.
            length: T, the most words.
        """
        state = self.see(codes)
        token = ops.zeros(ops.shape(codes)[:1], "int32") + START
        ended = token < 0
        words = []
        for _ in range(length):
            x, state = self.hear(self.embed(token), state)
            token = argmax_channel(self.score(x)) + FIRST
            ended = ops.logical_or(ended, token == END)
            token = ops.where(ended, PADDING, token)
            words.append(token)
        return ops.stack(words, axis=1)

    def macs(self, code: int, length: int) -> int:
        """Multiply-accumulates of one greedy sentence of `length` words about a code (K,)."""
        cell = 4 * self.units * (self.embedding + self.units)
        scores = self.units * (self.vocabulary_size - FIRST)
        return code * self.embedding + cell + length * (cell + scores)
