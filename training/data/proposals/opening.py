"""Proposers by name."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from urllib.parse import parse_qsl

from training.data.proposals.cached_proposals import CachedProposals, Proposer
from training.data.proposals.network_proposals import NetworkProposals
from training.data.proposals.proposal_files import ProposalFiles
from training.data.proposals.selective_search import SelectiveSearch
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
