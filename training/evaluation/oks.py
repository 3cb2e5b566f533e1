"""The sigmas of the object keypoint similarity (OKS)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from faster_coco_eval.core.cocoeval import Params

COCO_KEYPOINTS = (
    "nose",
    *(
        f"{side}_{keypoint}"
        for keypoint in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
"""COCO's 17 keypoints in its order."""


def keypoint_sigmas(keypoint_names: Sequence[str], count: int) -> np.ndarray:
    """Returns the sigmas (count,), in units of the square root of the person's area.

    They are COCO's values if every keypoint has the name of one of COCO's 17, such as `"left_knee"`
    or `"Left knee"`, in any order; else the mean of these for every keypoint.
    """
    coco = np.asarray(Params("keypoints").kpt_oks_sigmas)
    by_name = dict(zip(COCO_KEYPOINTS, coco, strict=True))
    plain = [re.sub(r"[ \-]+", "_", name.strip().lower()) for name in keypoint_names]
    if len(plain) == count and all(name in by_name for name in plain):
        return np.array([by_name[name] for name in plain])
    return np.full(count, coco.mean())
