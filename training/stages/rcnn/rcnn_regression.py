"""Box regression: one ridge regression per class from pool5 to t_x, t_y, t_w, t_h."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_svms import NORM, mean_norms

STRENGTH = 1000.0
"""λ of the paper, for features with a mean norm of 20."""


def regress_boxes(
    files: FeatureFiles, count: int, classes: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Solves the regressions.

    Features and targets are centered, as scikit-learn does, so the mean target is not penalized.

    Args:
        files: complete feature files.
        count: number of images.
        classes: number of classes K.

    Returns:
        Weights (K, 4, F) and intercepts (K, 4) for pool5 as the network computes it, zeros for a
        class without pairs, and the number of pairs.
    """
    scale = NORM / mean_norms(files, count)[1]
    # Only the pairs of one class at a time become float32, to save memory.
    pairs = [
        (labels, targets, features.astype(np.float16))
        for labels, targets, features in files.read(count, "pair_classes", "pair_targets", "pool5")
    ]
    labels, targets, features = (np.concatenate(part) for part in zip(*pairs, strict=True))
    weights = np.zeros((classes, 4, features.shape[1]))
    intercepts = np.zeros((classes, 4))
    for label in np.unique(labels):
        of_class = labels == label
        inputs = scale * features[of_class].astype(np.float32)
        solver = Ridge(alpha=STRENGTH).fit(inputs, targets[of_class])
        weights[label], intercepts[label] = scale * solver.coef_, solver.intercept_
    return weights, intercepts, len(labels)
