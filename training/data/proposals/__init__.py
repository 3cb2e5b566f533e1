"""Object proposals of images, for detectors that take them as input.

`open_proposals("selective_search:fast")` runs Selective Search, `open_proposals("files:my/folder")`
reads precomputed proposals, and `open_proposals("network:my/run")` runs a trained RPN.
"""

from training.data.proposals.cached_proposals import CachedProposals, Proposer
from training.data.proposals.opening import KINDS, open_proposals, with_proposals
from training.data.proposals.proposal_files import ProposalFiles
from training.data.proposals.selective_search import SelectiveSearch

__all__ = [
    "KINDS",
    "CachedProposals",
    "ProposalFiles",
    "Proposer",
    "SelectiveSearch",
    "open_proposals",
    "with_proposals",
]
