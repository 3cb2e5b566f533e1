"""METEOR: how much of what a sentence says, and in what order, is in one of its references.

Denkowski & Lavie, *Meteor Universal*, WMT 2014. The official program matches synonyms and
paraphrases too; it needs Java and pycocoevalcap (extra `captions`). Without them an own one matches
words and stems, by the program's parameters for English, and counts function words by a list of its
own. The two are not interchangeable: where a word could be matched to several others by its stem,
the program at times matches none.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import shutil
from collections.abc import Callable, Sequence

import snowballstemmer

from training.data.vocabulary import words_of
from zoo.errors import InputError

OFFICIAL = "METEOR 1.5, the official program"
OWN = "own METEOR of exact words and stems"

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
_STEM_WEIGHT = 0.6
_BEAM = 40
_AT_A_TIME = 500

_CLOSED_CLASSES = """
a an the this that these those and or but nor if as than so of in on at by to with from for into
over out up about is are was were be been being am has have had do does did will would can could
may might must shall should i you he she it we they me him her us them my your his its our their
who which what there not no
"""
FUNCTION_WORDS = frozenset(_CLOSED_CLASSES.split())

Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]
Match = tuple[int, int, float]
# By what beginnings are judged, the less the better, and what they match.
Beginning = tuple[tuple[float, int, int], tuple[Match, ...]]


def meteor_scorer(official: bool | None = None) -> tuple[str, Scorer]:
    """What scores sentences here, and its name.

    Args:
        official: whether to use the official program; None for whether it is there.

    Raises:
        InputError: the official program is asked for and not there.
    """
    there = shutil.which("java") is not None and _has_package()
    if official and not there:
        raise InputError(
            "METEOR's official program needs Java and pycocoevalcap: pip install "
            "'visionzoo[captions]'."
        )
    if there if official is None else official:
        return OFFICIAL, official_meteor
    return OWN, lambda candidates, references: list(map(own_meteor, candidates, references))


def official_meteor(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Scores 0…1 of N sentences by the official program, each the best over its references.

    Raises:
        InputError: the program ends before it has answered.
    """
    scores = [0.0] * len(candidates)
    said = [number for number, text in enumerate(candidates) if text and any(references[number])]
    try:
        for start in range(0, len(said), _AT_A_TIME):
            part = said[start : start + _AT_A_TIME]
            truth = {number: list(references[number]) for number in part}
            given = {number: [candidates[number]] for number in part}
            _, found = _program().compute_score(truth, given)
            for number, score in zip(part, found, strict=True):
                scores[number] = float(score)
    except (OSError, ValueError) as error:
        _program.cache_clear()
        raise InputError(f"METEOR's official program failed ({error}); does java run?") from error
    return scores


@functools.cache
def _program():
    """The official program, which takes seconds to read its paraphrases; it ends with Python."""
    from pycocoevalcap.meteor.meteor import Meteor

    program = Meteor()
    atexit.register(program.meteor_p.kill)
    return program


def own_meteor(candidate: str, references: Sequence[str], delta: float = DELTA) -> float:
    """Score 0…1 of a sentence by words and stems, the best over its references.

    Args:
        candidate: the sentence.
        references: what is true.
        delta: weight of a content word; that of a function word is 1 − delta.
    """
    return max((_score(candidate, reference, delta) for reference in references), default=0.0)


@functools.lru_cache(maxsize=100_000)
def _score(candidate: str, reference: str, delta: float) -> float:
    words, truth = words_of(candidate), words_of(reference)
    weights, wanted = (
        [1 - delta if word in FUNCTION_WORDS else delta for word in sentence]
        for sentence in (words, truth)
    )
    pairs = align(words, truth)
    if not pairs:
        return 0.0
    precision = sum(weights[i] * match for i, _, match in pairs) / sum(weights)
    recall = sum(wanted[j] * match for _, j, match in pairs) / sum(wanted)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    chunks = 1 + sum(
        after[0] != before[0] + 1 or after[1] != before[1] + 1
        for before, after in itertools.pairwise(pairs)
    )
    whole = chunks == 1 and len(pairs) == len(words) == len(truth)
    penalty = 0.0 if whole else GAMMA * (chunks / len(pairs)) ** BETA
    return mean * (1 - penalty)


def align(words: Sequence[str], truth: Sequence[str]) -> list[Match]:
    """Which word stands for which: as much as can be, in as few chunks, with as little crossing.

    Returns:
        Positions in both, each used once, and the weight of the match, in order of `words`.
    """
    stems, true_stems = _stems(words), _stems(truth)
    beginnings: list[Beginning] = [((0.0, 0, 0), ())]
    for i, word in enumerate(words):
        # Of beginnings that leave the same to be matched the best goes on.
        grown: dict[tuple, Beginning] = {}
        for (gain, chunks, crossing), pairs in beginnings:
            choices: list[Beginning] = [((gain, chunks, crossing), pairs)]
            taken = {j for _, j, _ in pairs}
            for j, other in enumerate(truth):
                if j in taken or stems[i] != true_stems[j]:
                    continue
                weight = 1.0 if word == other else _STEM_WEIGHT
                begins = not (pairs and pairs[-1][:2] == (i - 1, j - 1))
                key = (gain - weight, chunks + begins, crossing + abs(i - j))
                choices.append((key, (*pairs, (i, j, weight))))
            for key, longer in choices:
                last = longer[-1][1] if longer and longer[-1][0] == i else -1
                state = (frozenset(j for _, j, _ in longer), last)
                if state not in grown or key < grown[state][0]:
                    grown[state] = (key, longer)
        beginnings = sorted(grown.values(), key=lambda one: one[0])[:_BEAM]
    return list(beginnings[0][1])


def _stems(words: Sequence[str]) -> list[str]:
    """Stems by Porter's second algorithm, which the official program has."""
    return _stemmer().stemWords(list(words))


@functools.cache
def _stemmer():
    return snowballstemmer.stemmer("english")


def _has_package() -> bool:
    return importlib.util.find_spec("pycocoevalcap") is not None
