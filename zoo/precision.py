"""Keras' global dtype policy inside a `with` block."""

from __future__ import annotations

import keras


class PrecisionScope:
    """Sets Keras' global dtype policy inside a `with` block; None leaves it unchanged."""

    def __init__(self, policy: str | dict | keras.DTypePolicy | None):
        if isinstance(policy, dict):
            policy = keras.dtype_policies.deserialize(policy)
        self.policy = policy

    def __enter__(self) -> None:
        self.before = keras.config.dtype_policy()
        if self.policy is not None:
            keras.config.set_dtype_policy(self.policy)

    def __exit__(self, *error: object) -> None:
        keras.config.set_dtype_policy(self.before)
