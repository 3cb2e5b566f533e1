"""METEOR: the similarity of a sentence to reference sentences.

Denkowski & Lavie, *Meteor Universal*, WMT 2014. The official program also matches synonyms and
paraphrases; it needs Java and pycocoevalcap (extra `captions`). The built-in one matches exact
words and stems, with the parameters of the program for English and a short list of function words.
Their scores are not comparable: the program sometimes does not match a stem that several words
have.
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
BUILT_IN = "built-in METEOR of exact words and stems"

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
_STEM_WEIGHT = 0.6
_BEAM = 40
_BATCH_SIZE = 500

_CLOSED_CLASSES = """
a an the this that these those and or but nor if as than so of in on at by to with from for into
over out up about is are was were be been being am has have had do does did will would can could
may might must shall should i you he she it we they me him her us them my your his its our their
who which what there not no
"""
FUNCTION_WORDS = frozenset(_CLOSED_CLASSES.split())

_STEMMER = snowballstemmer.stemmer("english")

Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]
Match = tuple[int, int, float]
# Cost of a partial alignment, to be minimized, and its matches.
Partial = tuple[tuple[float, int, int], tuple[Match, ...]]


def meteor_scorer(official: bool | None = None) -> tuple[str, Scorer]:
    """Returns the name and the function of a METEOR.

    `official` is whether to use the official program; None to use it where it is installed.
    """
    installed = bool(shutil.which("java") and importlib.util.find_spec("pycocoevalcap"))
    if official and not installed:
        raise InputError(
            "the official METEOR needs Java and pycocoevalcap; install Java and "
            "pip install 'visionzoo[captions]'."
        )
    if installed if official is None else official:
        return OFFICIAL, official_meteor
    return BUILT_IN, lambda candidates, references: list(map(stem_meteor, candidates, references))


def official_meteor(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Returns the scores in [0, 1] of N sentences by the official program, best over references."""
    scores = [0.0] * len(candidates)
    scorable = [index for index, text in enumerate(candidates) if text and any(references[index])]
    try:
        for start in range(0, len(scorable), _BATCH_SIZE):
            batch = scorable[start : start + _BATCH_SIZE]
            truth = {index: list(references[index]) for index in batch}
            _, batch_scores = _program().compute_score(
                truth, {index: [candidates[index]] for index in batch}
            )
            for index, score in zip(batch, batch_scores, strict=True):
                scores[index] = float(score)
    except (OSError, ValueError) as error:
        _program.cache_clear()
        raise InputError(f"the official METEOR failed ({error}); check that java runs.") from error
    return scores


@functools.cache
def _program():
    """Returns the official program; it takes seconds to start and ends with Python."""
    from pycocoevalcap.meteor.meteor import Meteor

    program = Meteor()
    atexit.register(program.meteor_p.kill)
    return program


def stem_meteor(candidate: str, references: Sequence[str], delta: float = DELTA) -> float:
    """Returns the score in [0, 1] of a sentence by words and stems, the best over its references.

    `delta` in [0, 1] is the weight of content words; that of function words is 1 − delta.
    """
    return max((_score(candidate, reference, delta) for reference in references), default=0.0)


@functools.lru_cache(maxsize=100_000)
def _score(candidate: str, reference: str, delta: float) -> float:
    words, truth = words_of(candidate), words_of(reference)
    weights, true_weights = (
        [1 - delta if word in FUNCTION_WORDS else delta for word in sentence]
        for sentence in (words, truth)
    )
    pairs = align(words, truth)
    if not pairs:
        return 0.0
    precision = sum(weights[i] * match for i, _, match in pairs) / sum(weights)
    recall = sum(true_weights[j] * match for _, j, match in pairs) / sum(true_weights)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    chunks = 1 + sum(
        after[0] != before[0] + 1 or after[1] != before[1] + 1
        for before, after in itertools.pairwise(pairs)
    )
    whole = chunks == 1 and len(pairs) == len(words) == len(truth)
    penalty = 0.0 if whole else GAMMA * (chunks / len(pairs)) ** BETA
    return mean * (1 - penalty)


def align(words: Sequence[str], truth: Sequence[str]) -> list[Match]:
    """Aligns two sentences with the most matches, then fewest chunks, then least crossing.

    Returns index in each of them and weight of every match, in order of `words`.
    """
    stems, true_stems = _stems(words), _stems(truth)
    partials: list[Partial] = [((0.0, 0, 0), ())]
    for i, word in enumerate(words):
        # Of partial alignments that leave the same words the best one is extended.
        extended: dict[tuple, Partial] = {}
        for (gain, chunks, crossing), pairs in partials:
            choices: list[Partial] = [((gain, chunks, crossing), pairs)]
            matched = {j for _, j, _ in pairs}
            for j, other in enumerate(truth):
                if j in matched or stems[i] != true_stems[j]:
                    continue
                weight = 1.0 if word == other else _STEM_WEIGHT
                begins = not (pairs and pairs[-1][:2] == (i - 1, j - 1))
                key = (gain - weight, chunks + begins, crossing + abs(i - j))
                choices.append((key, (*pairs, (i, j, weight))))
            for key, longer in choices:
                last = longer[-1][1] if longer and longer[-1][0] == i else -1
                state = (frozenset(j for _, j, _ in longer), last)
                if state not in extended or key < extended[state][0]:
                    extended[state] = (key, longer)
        partials = sorted(extended.values(), key=lambda one: one[0])[:_BEAM]
    return list(partials[0][1])


def _stems(words: Sequence[str]) -> list[str]:
    """Returns the stems by Porter's second algorithm, as in the official program."""
    return _STEMMER.stemWords(list(words))
