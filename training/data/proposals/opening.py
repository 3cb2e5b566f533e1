"""Proposers by name, and data sets with the proposals of their images."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable
from urllib.parse import parse_qsl

import numpy as np
import tensorflow as tf

from training.data.proposals.cached_proposals import CachedProposals, Proposer
from training.data.proposals.network_proposals import NetworkProposals
from training.data.proposals.proposal_files import ProposalFiles
from training.data.proposals.selective_search import SelectiveSearch
from training.data.sources import FileSource, Source
from zoo.errors import InputError, nearest

KINDS: dict[str, Callable[..., Proposer]] = {
    "selective_search": SelectiveSearch,
    "files": ProposalFiles,
    "network": NetworkProposals,
}


def open_proposals(spec: str, cache: str | os.PathLike[str] | None = None) -> Proposer:
    """Returns the proposer of a name.

    Args:
        spec: `selective_search[:fast|quality|single][?width=500&min_side=20&seed=0]`, or
            `files:FOLDER`, see `proposal_files`, or `network:RUN`, a run of `faster_rcnn`.
        cache: folder of cached proposals; None for the user's cache folder.

    Raises:
        InputError: if the kind, an option or a value is unknown, or a requirement is not installed.
    """
    address, _, query = spec.partition("?")
    kind, _, argument = address.partition(":")
    if kind not in KINDS:
        raise InputError(
            f"proposals: unknown kind {kind!r}{nearest(kind, KINDS)} "
            "Available: selective_search:MODE, files:FOLDER, network:RUN."
        )
    known = list(inspect.signature(KINDS[kind]).parameters)[1:]
    options: dict[str, int] = {}
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option not in known:
            raise InputError(
                f"proposals: unknown option {option!r} of {kind}{nearest(option, known)} "
                f"Available: {', '.join(known) or 'none'}."
            )
        if not value.isdecimal():
            raise InputError(f"proposals: {option} must be a whole number from 0, not {value!r}.")
        options[option] = int(value)
    arguments = [argument] if argument or kind != "selective_search" else []
    proposer = KINDS[kind](*arguments, **options)
    return proposer if isinstance(proposer, ProposalFiles) else CachedProposals(proposer, cache)


def with_proposals(source: Source, proposer: Proposer | None, limit: int) -> Source:
    """Returns a copy whose samples have the best `proposals` (limit, 4), padded with zeros.

    Without a proposer it is the data set itself.
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
