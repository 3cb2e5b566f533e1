"""Whether a split has labels that a loss or a metric counts, without decoding its images."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from training.data.batch_order import without_autograph
from training.data.sources import Record, Sample, Source
from training.data.sources.reading.defects import counted
from zoo.errors import InputError
from zoo.tasks import TASKS
from zoo.tasks.sample_schema import IGNORE


def check_train_labels(source: Source, task: str) -> None:
    """Raises InputError if no label of the split `train` can be trained on."""
    reason = why_nothing_counts(source, source.check_images("train"), task)
    if reason:
        # How the labels were read may be the cause.
        notes = [note for note in source.notes if note.startswith("train: ")]
        raise InputError(" ".join([f"{source.spec}: nothing to train on: {reason}.", *notes]))


def why_nothing_counts(source: Source, split: str, task: str, limit: int | None = None) -> str:
    """Returns why the metric of a task is not defined on a split; empty where it is.

    Records are read up to the first one with a label that counts.

    Args:
        source: data set.
        split: split of the data set.
        task: name of the task.
        limit: maximum number of images, spread over the split as in the evaluation; None for all.
    """
    key = TASKS[task].classes_of
    key = "labels" if key == "captions" else key
    exempt = images = 0

    @without_autograph
    def counts(record: Record) -> tuple[tf.Tensor, tf.Tensor]:
        sample = source.open(record)
        if key == "labels":
            return _objects(sample)
        return _has_label(sample, key, task == "localization"), tf.constant(0)

    last = source.sizes[split] - 1
    chosen = None if limit is None else set(np.linspace(0, last, min(limit, last + 1)).round())
    with source.translate_errors(split):
        records = source.raw(split).map(counts, num_parallel_calls=tf.data.AUTOTUNE)
        for index, (found, ignored) in enumerate(records.as_numpy_iterator()):
            if chosen is not None and index not in chosen:
                continue
            if found:
                return ""
            images, exempt = images + 1, exempt + int(ignored)
    where = f"{split} ({counted(images, 'image')})"
    if exempt:
        return f"{where} has only crowd or difficult objects, {exempt} of them"
    return _REASONS[key].format(where)


_REASONS = {
    "labels": "{} has no objects",
    "segmentation": "every pixel of {} is ignored",
    "label": "{} has no labels",
    "keypoints": "{} has no visible keypoints",
}


def _objects(sample: Sample) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns whether an object counts, and how many are crowd or difficult."""
    boxes = sample["boxes"]
    present = (sample["labels"] >= 0) & tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
    exempt = tf.zeros_like(present)
    for key in ("crowd", "difficult"):
        if key in sample:
            exempt |= tf.cast(sample[key], tf.bool)
    counts = tf.reduce_any(present & ~exempt)
    if "label" in sample:
        # A classified image of a joint data set has no boxes.
        counts |= sample["label"] >= 0
    return counts, tf.reduce_sum(tf.cast(present & exempt, tf.int32))


def _has_label(sample: Sample, key: str, boxed: bool) -> tf.Tensor:
    """Returns whether an image has a label of a key, and a box with area if `boxed`."""
    value = sample[key]
    if key == "segmentation":
        return tf.reduce_any((value != IGNORE) & (value >= 0))
    if key == "keypoints":
        return tf.reduce_any(value[..., 2] > 0)
    counted = tf.reduce_any(value >= 0)
    return counted & tf.reduce_all(sample["box"][2:] > sample["box"][:2]) if boxed else counted
