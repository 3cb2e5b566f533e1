"""Boxes that may hold an object, for the detectors that are given them.

`open_proposals("selective_search:fast")` searches for them, `open_proposals("files:my/folder")`
reads them, `open_proposals("network:my/run")` asks a trained proposal network; `gather` makes those
of a whole data set.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from urllib.parse import parse_qsl

from training.data.proposals.attached_proposals import proposer_of, with_proposals
from training.data.proposals.cached_proposals import (
    CachedProposals,
    Proposer,
    default_folder,
    image_key,
)
from training.data.proposals.gathering import gather, recall_summary
from training.data.proposals.network_proposals import NetworkProposals
from training.data.proposals.proposal_files import ProposalFiles
from training.data.proposals.selective_search import SelectiveSearch
from zoo.errors import InputError, nearest

KINDS: dict[str, Callable[..., Proposer]] = {
    "selective_search": SelectiveSearch,
    "files": ProposalFiles,
    "network": NetworkProposals,
}


def open_proposals(spec: str, store: str | os.PathLike[str] | None = None) -> Proposer:
    """What proposes boxes.

    Args:
        spec: `selective_search[:fast|quality|single][?width=500&min_side=20&seed=0]`, or
            `files:FOLDER`, see `proposal_files`, or `network:RUN`, a run of faster_rcnn.
        store: folder that searched boxes are kept in; default the user's cache.

    Raises:
        InputError: an unknown kind, option or value, or what is needed is not installed.
    """
    address, _, query = spec.partition("?")
    kind, _, where = address.partition(":")
    if kind not in KINDS:
        raise InputError(
            f"proposals: unknown kind {kind!r}{nearest(kind, KINDS)} "
            "They are selective_search:MODE, files:FOLDER or network:RUN."
        )
    known = list(inspect.signature(KINDS[kind]).parameters)
    options: dict[str, int] = {}
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option not in known[1:]:
            raise InputError(
                f"proposals: {kind} has no option {option!r}{nearest(option, known[1:])} "
                f"It has: {', '.join(known[1:]) or 'none'}."
            )
        if not value.isdecimal():
            raise InputError(f"proposals: {option} is a whole number from 0 on, not {value!r}.")
        options[option] = int(value)
    proposer = KINDS[kind](*([where] if where or kind != "selective_search" else []), **options)
    return proposer if isinstance(proposer, ProposalFiles) else CachedProposals(proposer, store)


__all__ = [
    "KINDS",
    "ProposalFiles",
    "NetworkProposals",
    "Proposer",
    "SelectiveSearch",
    "CachedProposals",
    "default_folder",
    "gather",
    "open_proposals",
    "image_key",
    "proposer_of",
    "recall_summary",
    "with_proposals",
]
