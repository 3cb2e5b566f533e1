"""Data sets with the proposals of their images."""

from __future__ import annotations

import copy

import numpy as np
import tensorflow as tf

from training.data.proposals.cached_proposals import Proposer
from training.data.sources import FileSource, Source


def with_proposals(source: Source, proposer: Proposer | None, limit: int) -> Source:
    """Returns a copy of the data set whose samples have `proposals` (limit, 4), padded with zeros.

    Args:
        source: data set.
        proposer: proposer of the boxes; None to return the data set itself.
        limit: maximum number of proposals per image; the best ones are used.
    """
    if proposer is None:
        return source
    # Narrows the type inside the functions below.
    propose = proposer
    named = isinstance(source, FileSource)

    def proposals(name: bytes, image: np.ndarray) -> np.ndarray:
        if named:
            propose.set_image_name(name.decode(errors="replace"), image)
        padded = np.zeros((limit, 4), np.float32)
        boxes = propose(image)[:limit]
        padded[: len(boxes)] = boxes
        return padded

    @tf.autograph.experimental.do_not_convert
    def decode(record: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        sample = source.decode(record)
        name = record["image"] if named else tf.constant("")
        boxes = tf.numpy_function(proposals, [name, sample["image"]], tf.float32)
        return {**sample, "proposals": tf.ensure_shape(boxes, (limit, 4))}

    copied = copy.copy(source)
    copied.keys = (*source.keys, "proposals")
    # Proposals are of the whole image, so it is also decoded whole.
    methods = {
        "decode": decode,
        "open": decode,
        "size_of": source.size_of,
        "fingerprint": lambda split: source.fingerprint(split) + f"{propose.name} {limit}".encode(),
    }
    for name, method in methods.items():
        setattr(copied, name, method)
    return copied
