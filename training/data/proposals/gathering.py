"""Proposals of a whole data set: several images at a time, and how good they are."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from training.data.proposals.cached_proposals import Proposer
from training.data.sources import Source
from training.evaluation import proposal_recall
from training.evaluation.proposal_metrics import COUNTS
from training.progress import Bar

Named = tuple[str, dict[str, np.ndarray]]


def gather(
    proposer: Proposer,
    source: Source,
    split: str,
    limit: int,
    workers: int | None = None,
) -> dict[str, Any]:
    """Makes the proposals of a split, so that a stored proposer has them.

    Args:
        proposer: asked once for each image.
        source: the data set.
        split: of it.
        limit: most proposals of an image that a model will see.
        workers: images at a time; default one for each core.

    Returns:
        `images`, `boxes` (mean an image), `cut` (boxes beyond the limit, in all), `notes` of the
        proposer and `recall`, as `proposal_recall` gives it, or None
        where objects are not labelled.

    Raises:
        InputError: an image cannot be read or searched.
    """
    counts: list[int] = []

    def proposed(bar: Callable[[int], None]) -> Iterator[Named]:
        for name, sample, boxes in _ahead(proposer, source.samples(split), workers):
            counts.append(len(boxes))
            bar(len(counts))
            found[0] = boxes
            yield name, sample

    found: list[np.ndarray] = [np.zeros((0, 4))]
    with Bar(f"proposals of {split}", source.sizes[source.check_split(split)]) as bar:
        if "boxes" in source.keys and "labels" in source.keys:
            # It asks for the image it was just given.
            recall = proposal_recall(
                lambda image: {"boxes": found[0][:limit]},
                proposed(bar),
                len(source.object_names),
                sorted({*(count for count in COUNTS if count < limit), limit}),
            )
        else:
            recall = None
            for _ in proposed(bar):
                pass
    return {
        "images": len(counts),
        "boxes": float(np.mean(counts)),
        "cut": sum(max(0, count - limit) for count in counts),
        "notes": list(getattr(proposer, "notes", ())),
        "recall": recall,
    }


def recall_summary(split: str, summary: dict[str, Any]) -> str:
    """One line for the user on what `gather` gave."""
    parts = [f"{summary['boxes']:.0f} an image on average", *summary["notes"]]
    if summary["cut"]:
        parts.append(f"{summary['cut']} beyond max_proposals are not used")
    line = f"proposals of {split}: {'; '.join(parts)}"
    recall = summary["recall"] or {}
    shares = [
        f"{100 * value:.1f} % of the objects by the first {key.rpartition('_')[2]}"
        for key, value in recall.items()
        if key.startswith("recall50_") and value is not None
    ]
    return f"{line}; they cover, at IoU 0.5, {', '.join(shares)}" if shares else line


def _ahead(
    proposer: Proposer, samples: Iterable[Named], workers: int | None
) -> Iterator[tuple[str, dict[str, np.ndarray], np.ndarray]]:
    """Samples with their proposals, in order, a few of them searched ahead."""
    workers = workers or os.cpu_count() or 1
    waiting: collections.deque[tuple[str, dict[str, np.ndarray], Future]] = collections.deque()
    with ThreadPoolExecutor(workers) as pool:
        for name, sample in samples:
            waiting.append((name, sample, pool.submit(_known, proposer, name, sample["image"])))
            if len(waiting) > 2 * workers:
                first = waiting.popleft()
                yield first[0], first[1], first[2].result()
        for name, sample, boxes in waiting:
            yield name, sample, boxes.result()


def _known(proposer: Proposer, name: str, image: np.ndarray) -> np.ndarray:
    proposer.set_image_name(name, image)
    return proposer(image)
