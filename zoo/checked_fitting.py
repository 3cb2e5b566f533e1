"""Training and evaluation that check the labels first."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from zoo.label_checks import checked_data, checked_validation, label_errors, limits_of
from zoo.tasks.label_limits import LabelLimit

_FIT = inspect.signature(keras.Model.fit)


class CheckedFitting(keras.Model):
    """A Keras model that raises InputError for labels beyond its classes.

    On JAX the model must be built again afterwards, as after any other error in `fit`.
    """

    @property
    def label_limits(self) -> list[LabelLimit]:
        """Limits of the labels that this model takes in training."""
        return []

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains the model, as `keras.Model.fit`."""
        call = _FIT.bind(self, x, *args, **kwargs)
        limits = limits_of(self)
        call.arguments["x"] = checked_data(limits, x, call.arguments.get("y"))
        if "validation_data" in call.arguments:
            data = call.arguments["validation_data"]
            call.arguments["validation_data"] = checked_validation(limits, data)
        with label_errors():
            return super().fit(*call.args[1:], **call.kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Computes loss and metrics, as `keras.Model.evaluate`."""
        # The validation data within `fit` are checked there.
        if not kwargs.get("_use_cached_eval_dataset"):
            x = checked_data(limits_of(self), x, y)
        with label_errors():
            return super().evaluate(x, y, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains on one batch, as `keras.Model.train_on_batch`."""
        checked_data(limits_of(self), x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Tests on one batch, as `keras.Model.test_on_batch`."""
        checked_data(limits_of(self), x, y)
        return super().test_on_batch(x, y, *args, **kwargs)
