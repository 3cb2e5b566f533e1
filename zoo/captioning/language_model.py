"""DenseCap's language model: an LSTM whose first input is the code of a region."""

from __future__ import annotations

from typing import Any

import keras
from keras import initializers, layers, ops

from zoo.errors import InputError
from zoo.layers.argmax import argmax_channel
from zoo.losses.detection_losses import softmax_cross_entropy
from zoo.tasks.captioning_task import END, PADDING, SPECIAL, START

# The first token id that is predicted; padding and start are not.
FIRST = END


@keras.saving.register_keras_serializable(package="zoo")
class LanguageModel(layers.Layer):
    """Captions from codes of regions (Johnson, Karpathy & Fei-Fei, *DenseCap*, CVPR 2016).

    The first input of the LSTM is the region's code, projected to the size of an embedding with a
    ReLU; the second is the start token, then the words follow. Start and end share an embedding,
    as in the authors' code.

    Args:
        vocabulary_size: number of token ids, the four special ones of
            `zoo.tasks.captioning_task` included.
        units: units of the LSTM.
        embedding_dim: size of a word's embedding.
        gain: numerator of the initial variance gain / K of the weights on codes.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding_dim: int = 512,
        gain: float = 1 / 3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if vocabulary_size <= len(SPECIAL):
            raise InputError(
                f"vocabulary_size must be at least {len(SPECIAL) + 1} ({len(SPECIAL)} special "
                f"tokens and one word), not {vocabulary_size}."
            )
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.embedding_dim = embedding_dim
        self.gain = gain
        first = initializers.VarianceScaling(gain, "fan_in", "uniform")
        self.encoder = layers.Dense(
            embedding_dim, activation="relu", kernel_initializer=first, name="image"
        )
        apart = initializers.RandomNormal(stddev=1.0)
        self.table = layers.Embedding(vocabulary_size - 1, embedding_dim, apart, name="words")
        self.cell = layers.LSTMCell(units, name="lstm")
        self.scorer = layers.Dense(vocabulary_size - FIRST, name="scores")

    def build(self, input_shape: Any) -> None:
        self.encoder.build((None, input_shape[-1]))
        self.table.build((None,))
        self.cell.build((None, self.embedding_dim))
        self.scorer.build((None, self.units))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "embedding_dim": self.embedding_dim,
            "gain": self.gain,
        }

    def start(self, codes):
        """Returns the state (h, c), each (N, units), after the codes (N, K) of regions."""
        x = self.encoder(codes)
        zeros = ops.zeros((ops.shape(x)[0], self.units), self.compute_dtype)
        return self.cell(x, [zeros, zeros])[1]

    def embed(self, tokens):
        """Returns embeddings (…, embedding_dim) of token ids (…)."""
        rows = ops.where(tokens >= END, tokens - 1, tokens)
        # The reshape makes the gradient dense, as XLA and gradient clipping require.
        return ops.take(ops.reshape(self.table.embeddings, (-1, self.embedding_dim)), rows, axis=0)

    def step(self, x, state):
        """Returns the LSTM's output (N, units) and state after an input (N, embedding_dim)."""
        return self.cell(x, state)

    def score(self, x):
        """Returns logits (…, vocabulary_size − 2) float32: end token, unknown word, words."""
        return ops.cast(self.scorer(x), "float32")

    def loss(self, codes, captions, valid):
        """Computes the cross-entropy of captions, summed over tokens, mean over valid (N,) ones.

        Captions are token ids (N, T): start, words, end, padding; codes are (N, K).
        """
        captions = ops.cast(captions, "int32")
        words = self.embed(captions[:, :-1])
        state, outputs = self.start(codes), []
        for step in range(words.shape[1]):
            x, state = self.step(words[:, step], state)
            outputs.append(x)
        logits = self.score(ops.stack(outputs, axis=1))
        targets = captions[:, 1:]
        counted = ops.logical_and(targets >= FIRST, ops.expand_dims(valid, 1))
        errors = softmax_cross_entropy(logits, ops.maximum(targets - FIRST, 0))
        total = ops.sum(ops.where(counted, errors, 0.0))
        return total / ops.maximum(ops.sum(ops.cast(valid, "float32")), 1.0)

    def greedy(self, codes, length: int):
        """Returns the most probable token at every step, (N, length) int32, for codes (N, K)."""
        state = self.start(codes)
        token = ops.zeros(ops.shape(codes)[:1], "int32") + START
        ended = token < 0
        words = []
        for _ in range(length):
            x, state = self.step(self.embed(token), state)
            token = argmax_channel(self.score(x)) + FIRST
            ended = ops.logical_or(ended, token == END)
            token = ops.where(ended, PADDING, token)
            words.append(token)
        return ops.stack(words, axis=1)

    def macs(self, code: int, length: int) -> int:
        """Returns the multiply-accumulates of a greedy caption of `length` words of a code (K,)."""
        cell = 4 * self.units * (self.embedding_dim + self.units)
        scores = self.units * (self.vocabulary_size - FIRST)
        return code * self.embedding_dim + cell + length * (cell + scores)
