"""Better boxes: a ridge regression a class from pool5 to t_x, t_y, t_w, t_h."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_svms import NORM, mean_norms

STRENGTH = 1000.0
"""λ of the paper, for features whose mean norm is 20."""


def regress_boxes(
    files: FeatureFiles, count: int, classes: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Solves the regressions.

    The mean target is not shrunk: features and targets are centred, as scikit-learn does.

    Args:
        files: that have been made.
        count: of images.
        classes: K.

    Returns:
        Weights (K, 4, inputs) and intercepts (K, 4) on pool5 as it comes out of the network, zeros
        for a class without pairs, and the number of pairs.
    """
    scale = NORM / mean_norms(files, count)[1]
    # Only what is asked for becomes float32: pairs of all classes are many.
    pairs = [
        (labels, targets, features.astype(np.float16))
        for labels, targets, features in files.read(count, "pair_classes", "pair_targets", "pool5")
    ]
    labels, targets, features = (np.concatenate(part) for part in zip(*pairs, strict=True))
    weights = np.zeros((classes, 4, features.shape[1]))
    intercepts = np.zeros((classes, 4))
    for label in np.unique(labels):
        own = labels == label
        solver = Ridge(alpha=STRENGTH).fit(scale * features[own].astype(np.float32), targets[own])
        weights[label], intercepts[label] = scale * solver.coef_, solver.intercept_
    return weights, intercepts, len(labels)
