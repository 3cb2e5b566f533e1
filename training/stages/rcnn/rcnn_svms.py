"""One linear SVM per class, trained with hard negative mining."""

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
"""Mean norm of the scaled features."""

NEGATIVE_IOU = 0.3
"""IoU with every object of a class below which a region is background to its SVM."""

COST, POSITIVE_WEIGHT, BIAS = 1e-3, 2.0, 10.0
HARD, EASY = -1.0001, -1.2
"""Margins above which background is added to the SVM, and below which it is dropped."""

RETRAIN = 2000
"""Number of new hard negatives after which an SVM is solved again."""

NEVER = -30.0
"""Intercept of a class without labeled objects."""

_STEPS = 20_000


class Svm:
    """The SVM of one class.

    Args:
        positives: scaled features (P, F) of the true boxes.

    Attributes:
        weights: (F,); None before the first solution.
        intercept: intercept of the solution.
        negatives: scaled features (N, F) of the background in the training set.
        pending: features of background since the last solution.
        converged: whether the last solution has converged.
    """

    def __init__(self, positives: np.ndarray):
        self.positives = positives
        self.negatives = positives[:0]
        self.weights: np.ndarray | None = None
        self.intercept = NEVER
        self.converged = True
        self.pending: list[np.ndarray] = []

    def consider(self, background: np.ndarray) -> None:
        """Adds the hard ones of background features (N, F); before the first solution, all."""
        if self.weights is not None:
            background = background[self.margins(background) > HARD]
        self.pending.append(background)
        if sum(map(len, self.pending)) > RETRAIN:
            self.solve()

    def margins(self, features: np.ndarray) -> np.ndarray:
        """Returns the margins (N,) of scaled features (N, F)."""
        return features @ self.weights + self.intercept

    def solve(self) -> None:
        """Solves the SVM, and drops the background that is easy for the solution."""
        self.negatives = np.concatenate([self.negatives, *self.pending])
        self.pending = []
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
            # The last solution is reported in the notes.
            warnings.simplefilter("ignore", ConvergenceWarning)
            solver.fit(np.concatenate([self.positives, self.negatives]), truth)
        self.converged = int(np.max(solver.n_iter_)) < _STEPS
        self.weights, self.intercept = solver.coef_[0], float(solver.intercept_[0])
        self.negatives = self.negatives[self.margins(self.negatives) >= EASY]


@dataclasses.dataclass(frozen=True)
class Svms:
    """The SVMs of all classes, for features as the network computes them.

    Attributes:
        weights: (K, F).
        intercepts: (K,).
        notes: lines for the user.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    notes: list[str]


def mine_svms(
    files: FeatureFiles, count: int, names: Sequence[str], progress: Callable[[int], None]
) -> Svms:
    """Solves the SVMs in one pass over the background of all images.

    Args:
        files: complete feature files.
        count: number of images.
        names: class names.
        progress: function that takes the number of images done.

    Raises:
        InputError: if there is no object, or no background for a class.
    """
    scale = NORM / mean_norms(files, count)[0]
    positives = list(files.read(count, "true_fc7", "true_classes"))
    features = np.concatenate([scale * rows for rows, _ in positives])
    labels = np.concatenate([classes for _, classes in positives])
    if not len(labels):
        raise InputError("the training images have no labeled object, which SVMs need.")
    svms = {int(label): Svm(features[labels == label]) for label in np.unique(labels)}
    for number, (rows, overlaps) in enumerate(files.read(count, "fc7", "overlaps")):
        rows *= scale
        for label, svm in svms.items():
            svm.consider(rows[overlaps[:, label] < NEGATIVE_IOU])
        progress(number + 1)
    for label, svm in svms.items():
        if not len(svm.negatives) and not sum(map(len, svm.pending)):
            raise InputError(f"no proposal of the training images is background to {names[label]}.")
        svm.solve()
    weights = np.zeros((len(names), features.shape[1]))
    intercepts = np.full(len(names), NEVER)
    for label, svm in svms.items():
        weights[label], intercepts[label] = svm.weights, svm.intercept
    return Svms(scale * weights, intercepts, _notes(svms, names))


def mean_norms(files: FeatureFiles, count: int) -> np.ndarray:
    """Returns the mean norms (2,) of fc7 and pool5 over the proposals.

    Raises:
        InputError: if there are no proposals.
    """
    total = np.sum([norms for (norms,) in files.read(count, "norms")], axis=0)
    if not total[2]:
        raise InputError("the training images have no proposals, which SVMs need.")
    return np.maximum(total[:2] / total[2], 1e-12)


def _notes(svms: dict[int, Svm], names: Sequence[str]) -> list[str]:
    objects = sum(len(svm.positives) for svm in svms.values())
    hard = sum(len(svm.negatives) for svm in svms.values())
    notes = [f"SVMs of {len(svms)} classes: {objects} objects, {hard} regions of hard background."]
    missing = [name for label, name in enumerate(names) if label not in svms]
    if missing:
        notes += [f"{name}: no training objects; the class is never predicted." for name in missing]
    loose = [names[label] for label, svm in svms.items() if not svm.converged]
    return notes + ([f"SVMs not converged: {', '.join(loose)}."] if loose else [])
