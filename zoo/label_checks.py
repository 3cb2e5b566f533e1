"""Checks of the labels that reach `fit` and `evaluate`, before a model computes anything of them.

A loss inside a compiled graph cannot raise an error, so the labels are checked where they enter:
arrays as a whole, all others batch by batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from zoo.errors import InputError
from zoo.tasks.label_limits import LabelLimit

Limits = Sequence[LabelLimit]
_MARK = "labels checked: "


def limits_of(model: Any) -> list[LabelLimit]:
    """Returns the limits of a compiled model's labels.

    Labels whose loss takes another kind of target, such as one value per class, have none.
    """
    limits, losses = model.label_limits, model.loss
    if not isinstance(losses, Mapping):
        return limits
    found = []
    for limit in limits:
        loss = losses.get(limit.key)
        if limit.rows or loss is None:
            found.append(limit)
        elif _takes_indices(loss):
            found.append(dataclasses.replace(limit, ignored=tuple(_ignored_by(loss))))
    return found


def check_targets(limits: Limits, targets: Any) -> None:
    """Raises InputError if arrays of targets are beyond a limit."""
    for limit, values in _limited(limits, targets):
        if problem := limit.problem(keras.ops.convert_to_numpy(values)):
            raise InputError(problem)


def check_batch(limits: Limits, batch: Any) -> Any:
    """Returns a batch `(inputs, targets, …)`; raises InputError if it is beyond a limit."""
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        check_targets(limits, batch[1])
    return batch


def checked_data(limits: Limits, x: Any, y: Any = None) -> Any:
    """Returns the `x` of `fit`, with a check of each batch; `y`, if given, is checked at once.

    A distributed data set is returned as it is.
    """
    if y is not None:
        check_targets(limits, y)
    if not limits or y is not None:
        return x
    tf = sys.modules.get("tensorflow")
    if tf is not None and isinstance(x, tf.data.Dataset):
        return _checked_dataset(limits, x)
    if isinstance(x, types.GeneratorType):
        return (check_batch(limits, batch) for batch in x)
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset(x, functools.partial(check_batch, limits))
    return x


def checked_validation(limits: Limits, data: Any) -> Any:
    """Returns the `validation_data` of `fit`, checked as by `checked_data`."""
    if isinstance(data, (tuple, list)):
        check_batch(limits, data)
        return data
    return checked_data(limits, data)


@contextlib.contextmanager
def label_errors() -> Iterator[None]:
    """Raises InputError instead of the error of a check inside a tf.data graph."""
    try:
        yield
    except Exception as error:
        found = re.search(rf"{_MARK}([^\]]*)", str(error))
        if found is None or isinstance(error, InputError):
            raise
        raise InputError(found[1]) from None


def _takes_indices(loss: Any) -> bool:
    """Returns whether the targets of a loss are class indices."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    ours = type(loss).__module__.startswith("zoo.")
    return ours or name.lower().replace("_", "") == "sparsecategoricalcrossentropy"


def _ignored_by(loss: Any) -> Iterator[int]:
    """Yields the labels that a loss, or a term of a sum of losses, ignores."""
    for term in getattr(loss, "losses", ()):
        yield from _ignored_by(term)
    for attribute in ("ignore", "ignore_class"):
        if getattr(loss, attribute, None) is not None:
            yield int(getattr(loss, attribute))


def _limited(limits: Limits, targets: Any) -> Iterator[tuple[LabelLimit, Any]]:
    """Yields limits with their targets, which need no name if there is one limit only."""
    for limit in limits:
        if not isinstance(targets, Mapping):
            if len(limits) == 1:
                yield limit, targets
        elif limit.key in targets:
            yield limit, targets[limit.key]


def _checked_dataset(limits: Limits, dataset: Any) -> Any:
    """Returns a tf.data data set whose batches fail beyond a limit."""
    import tensorflow as tf

    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        return dataset
    for limit, values in _limited(limits, spec[1]):
        if problem := limit.row_problem(values.shape.as_list()):
            raise InputError(problem)
    values_limits = [limit for limit in limits if not limit.rows]
    if not values_limits:
        return dataset

    @tf.autograph.experimental.do_not_convert
    def check(*batch: Any) -> Any:
        for limit, values in _limited(values_limits, batch[1]):
            _check_in_graph(limit, values)
        return batch

    return dataset.map(check).prefetch(1)


def _check_in_graph(limit: LabelLimit, values: Any) -> None:
    """Adds operations that fail if labels (B, …) are beyond a limit."""
    import tensorflow as tf

    if not isinstance(values, tf.Tensor) or not limit.is_index(values.shape):
        return
    values = tf.cast(values, tf.int64)
    least = tf.constant(limit.least, tf.int64)
    for ignored in limit.ignored:
        values = tf.where(values == ignored, least, values)
    high = tf.maximum(tf.reduce_max(values), least)
    low = tf.minimum(tf.reduce_min(values), least)
    text = tf.strings.as_string
    _assert(high < limit.count, lambda: limit.too_high(text(high), text(high + 1)))
    _assert(low >= limit.least, lambda: limit.too_low(text(low)))


def _assert(condition: Any, message: Callable[[], Sequence[Any]]) -> None:
    import tensorflow as tf

    # The message is built only when the assertion fails.
    def fail() -> Any:
        return tf.debugging.Assert(False, [tf.strings.join([_MARK, *message()])])

    tf.cond(condition, tf.no_op, fail)


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are checked."""

    def __init__(self, dataset: keras.utils.PyDataset, check: Callable[[Any], Any]):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self.dataset, self.check = dataset, check

    @property
    def num_batches(self) -> int | None:
        """Number of batches; None if there is no end."""
        return self.dataset.num_batches

    def __getitem__(self, index: int) -> Any:
        return self.check(self.dataset[index])

    def on_epoch_begin(self) -> None:
        self.dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.dataset.on_epoch_end()
