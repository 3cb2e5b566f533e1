"""How far off a joint may be: the spread of each joint in the object keypoint similarity."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from faster_coco_eval.core.cocoeval import Params

COCO_JOINTS = (
    "nose",
    *(
        f"{side}_{joint}"
        for joint in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
"""COCO's 17 joints in its order."""


def joint_sigmas(joint_names: Sequence[str], joints: int) -> np.ndarray:
    """(K,) spread of each joint in units of the root of the person's area.

    COCO's own values where every joint has the name of one of COCO's 17, in whatever order; else
    the mean of those 17 for every joint, since nobody measured the others.

    Args:
        joint_names: of the joints, such as `"left_knee"` or `"Left knee"`.
        joints: K.
    """
    coco = np.asarray(Params("keypoints").kpt_oks_sigmas)
    by_name = dict(zip(COCO_JOINTS, coco, strict=True))
    plain = [re.sub(r"[ \-]+", "_", name.strip().lower()) for name in joint_names]
    if len(plain) == joints and all(name in by_name for name in plain):
        return np.array([by_name[name] for name in plain])
    return np.full(joints, coco.mean())
