"""Proposals of a whole split and their recall."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from training.data.proposals import Proposer
from training.data.sources import Source
from training.evaluation.proposal_metrics import COUNTS, proposal_recall
from training.progress import Bar

NamedSample = tuple[str, dict[str, np.ndarray]]


def gather_proposals(
    proposer: Proposer, source: Source, split: str, limit: int, workers: int | None = None
) -> dict[str, Any]:
    """Computes the proposals of a split, which fills the cache of a proposer that has one.

    A model uses at most `limit` proposals per image. `workers` is the number of threads; None for
    one per CPU core.

    Returns:
        `images`, `boxes` (mean per image), `cut` (total number of boxes beyond the limit), `notes`
        of the proposer and `recall` as of `proposal_recall`, None for data sets without objects.
    """
    counts: list[int] = []
    latest: list[np.ndarray] = [np.zeros((0, 4))]

    def proposed(step: Callable[[int], None]) -> Iterator[NamedSample]:
        for name, sample, boxes in _prefetched(proposer, source.samples(split), workers):
            counts.append(len(boxes))
            step(len(counts))
            latest[0] = boxes
            yield name, sample

    with Bar(f"proposals of {split}", source.sizes[source.check_split(split)]) as bar:
        if "boxes" in source.keys and "labels" in source.keys:
            recall = proposal_recall(
                # It is called with the image of the latest sample.
                lambda image: {"boxes": latest[0][:limit]},
                proposed(bar),
                len(source.object_names),
                sorted({*(count for count in COUNTS if count < limit), limit}),
            )
        else:
            recall = None
            collections.deque(proposed(bar), maxlen=0)
    return {
        "images": len(counts),
        "boxes": float(np.mean(counts)),
        "cut": sum(max(0, count - limit) for count in counts),
        "notes": list(getattr(proposer, "notes", ())),
        "recall": recall,
    }


def recall_summary(split: str, result: dict[str, Any]) -> str:
    """Returns the result of `gather_proposals` as one line."""
    parts = [f"{result['boxes']:.0f} per image on average", *result["notes"]]
    if result["cut"]:
        parts.append(f"{result['cut']} beyond max_proposals are not used")
    line = f"proposals of {split}: {'; '.join(parts)}"
    recall = result["recall"] or {}
    fractions = [
        f"{100 * value:.1f} % of the objects by the first {key.rpartition('_')[2]}"
        for key, value in recall.items()
        if key.startswith("recall50_") and value is not None
    ]
    return f"{line}; recall at IoU 0.5: {', '.join(fractions)}." if fractions else f"{line}."


def _prefetched(
    proposer: Proposer, samples: Iterable[NamedSample], workers: int | None
) -> Iterator[tuple[str, dict[str, np.ndarray], np.ndarray]]:
    """Yields samples with their proposals in order, computed ahead in threads."""
    workers = workers or os.cpu_count() or 1
    waiting: collections.deque[tuple[str, dict[str, np.ndarray], Future]] = collections.deque()
    with ThreadPoolExecutor(workers) as pool:
        for name, sample in samples:
            waiting.append((name, sample, pool.submit(_propose, proposer, name, sample["image"])))
            if len(waiting) > 2 * workers:
                first = waiting.popleft()
                yield first[0], first[1], first[2].result()
        for name, sample, boxes in waiting:
            yield name, sample, boxes.result()


def _propose(proposer: Proposer, name: str, image: np.ndarray) -> np.ndarray:
    proposer.set_image_name(name, image)
    return proposer(image)
