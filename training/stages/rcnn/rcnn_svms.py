"""One linear SVM a class, with background that looks like an object sought out for it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from training.stages.rcnn.rcnn_features import FeatureFiles
from zoo.errors import InputError

NORM = 20.0
"""Mean norm that features are scaled to."""

NEGATIVE_IOU = 0.3
"""Overlap with every object of a class below which a region is background to its SVM."""

COST, POSITIVE_WEIGHT, BIAS = 1e-3, 2.0, 10.0
HARD, EASY = -1.0001, -1.2
"""Margins above which background is hard enough to learn from, and below which it is dropped."""

RETRAIN = 2000
"""Hard ones that an SVM takes in before it is solved again."""

NEVER = -30.0
"""Intercept of a class without an object to learn from."""

_STEPS = 20_000


class Svm:
    """The SVM of one class.

    Args:
        positives: (P, F) features of the true boxes, scaled.

    Attributes:
        weights, intercept: (F,) and a number; None before it is first solved.
        negatives: (N, F) background that it learns from.
        converged: whether the last solution is one.
    """

    def __init__(self, positives: np.ndarray):
        self.positives = positives
        self.negatives = positives[:0]
        self.weights: np.ndarray | None = None
        self.intercept = NEVER
        self.converged = True
        self._new: list[np.ndarray] = []

    def consider(self, background: np.ndarray) -> None:
        """Takes in what is hard of (N, F) scaled features; before the first solution, all."""
        if self.weights is not None:
            background = background[self.margins(background) > HARD]
        self._new.append(background)
        if sum(map(len, self._new)) > RETRAIN:
            self.solve()

    def margins(self, features: np.ndarray) -> np.ndarray:
        """(N,) of features (N, F)."""
        return features @ self.weights + self.intercept

    def solve(self) -> None:
        """Solves it on what it has, and drops what is easy by then."""
        self.negatives = np.concatenate([self.negatives, *self._new])
        self._new = []
        solver = LinearSVC(
            loss="hinge",
            C=COST,
            class_weight={1: POSITIVE_WEIGHT},
            intercept_scaling=BIAS,
            max_iter=_STEPS,
            random_state=0,
        )
        truth = np.repeat([1, 0], [len(self.positives), len(self.negatives)])
        with warnings.catch_warnings():
            # Said in the end, of the last solution.
            warnings.simplefilter("ignore", ConvergenceWarning)
            solver.fit(np.concatenate([self.positives, self.negatives]), truth)
        self.converged = int(np.max(solver.n_iter_)) < _STEPS
        self.weights, self.intercept = solver.coef_[0], float(solver.intercept_[0])
        self.negatives = self.negatives[self.margins(self.negatives) >= EASY]


@dataclasses.dataclass(frozen=True)
class Svms:
    """Those of all classes, on features as they come out of the network.

    Attributes:
        weights, intercepts: (K, F) and (K,).
        notes: what the user should know.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    notes: list[str]


def mine(files: FeatureFiles, count: int, names: Sequence[str], bar: Callable[[int], None]) -> Svms:
    """Solves the SVMs in one pass over the background of all images.

    Args:
        files: that have been made.
        count: of images.
        names: of the classes.
        bar: called with the number of images done.

    Raises:
        InputError: no object of any class, or no background.
    """
    scale = NORM / mean_norms(files, count)[0]
    positives = list(files.read(count, "true_fc7", "true_classes"))
    features = np.concatenate([scale * found for found, _ in positives])
    labels = np.concatenate([found for _, found in positives])
    if not len(labels):
        raise InputError("the training images have no object that an SVM could learn from.")
    svms = {int(label): Svm(features[labels == label]) for label in np.unique(labels)}
    for number, (found, overlaps) in enumerate(files.read(count, "fc7", "overlaps")):
        found *= scale
        for label, svm in svms.items():
            svm.consider(found[overlaps[:, label] < NEGATIVE_IOU])
        bar(number + 1)
    for label, svm in svms.items():
        if not len(svm.negatives) and not sum(map(len, svm._new)):
            raise InputError(f"no region of the training images is background to {names[label]}.")
        svm.solve()
    weights = np.zeros((len(names), features.shape[1]))
    intercepts = np.full(len(names), NEVER)
    for label, svm in svms.items():
        weights[label], intercepts[label] = svm.weights, svm.intercept
    return Svms(scale * weights, intercepts, _notes(svms, names))


def mean_norms(files: FeatureFiles, count: int) -> np.ndarray:
    """(2,) mean norms of fc7 and pool5 over the proposals.

    Raises:
        InputError: there are no proposals.
    """
    total = np.sum([norms for (norms,) in files.read(count, "norms")], axis=0)
    if not total[2]:
        raise InputError("the training images have no proposals to learn from.")
    return np.maximum(total[:2] / total[2], 1e-12)


def _notes(svms: dict[int, Svm], names: Sequence[str]) -> list[str]:
    objects = sum(len(svm.positives) for svm in svms.values())
    hard = sum(len(svm.negatives) for svm in svms.values())
    notes = [f"SVMs of {len(svms)} classes: {objects} objects, {hard} regions of hard background"]
    never = [name for label, name in enumerate(names) if label not in svms]
    if never:
        notes.append(f"no object to learn {', '.join(never)} from: never answered")
    loose = [names[label] for label, svm in svms.items() if not svm.converged]
    return notes + ([f"not solved to the end: {', '.join(loose)}"] if loose else [])
