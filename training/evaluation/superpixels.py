"""Majority vote within superpixels (Farabet et al., TPAMI 2013).

A step after prediction, in NumPy and OpenCV; exported files do not contain it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import InputError, nearest

METHODS = ("felzenszwalb",)
_SCALE, _SIGMA = 100, 0.8


def parse_superpixels(text: str) -> int:
    """Returns the scale k of `"felzenszwalb"` or `"felzenszwalb:k"`."""
    method, colon, scale = text.partition(":")
    if method not in METHODS:
        raise InputError(
            f"unknown superpixels {method!r}{nearest(method, METHODS)} "
            f"Available: {', '.join(METHODS)}."
        )
    if colon and not re.fullmatch(r"0*[1-9]\d*", scale):
        raise InputError(
            f"scale of superpixels must be a whole number above 0, such as {method}:{_SCALE}, "
            f"not {scale!r}."
        )
    return int(scale) if colon else _SCALE


def felzenszwalb(image: np.ndarray, scale: int = _SCALE) -> np.ndarray:
    """Returns the superpixels (H, W) int32 of an image (H, W, 1 or 3) uint8.

    Felzenszwalb & Huttenlocher, *Efficient Graph-Based Image Segmentation*, IJCV 2004, of the
    image smoothed with σ = 0.8; the smallest superpixel has `scale` pixels.
    """
    # OpenCV is an optional dependency.
    try:
        from cv2 import ximgproc
    except ImportError as error:
        raise InputError(
            "superpixels need OpenCV's contributed modules; pip install 'visionzoo[proposals]'."
        ) from error
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    graph = ximgproc.segmentation.createGraphSegmentation(_SIGMA, scale, scale)
    return graph.processImage(np.ascontiguousarray(rgb[..., ::-1]))


def vote(classes: np.ndarray, superpixels: np.ndarray) -> np.ndarray:
    """Returns the most frequent class (H, W) of each pixel's superpixel, the lowest of equals."""
    count = int(classes.max()) + 1
    cells = superpixels.astype(np.int64) * count + classes
    votes = np.bincount(cells.ravel(), minlength=(int(superpixels.max()) + 1) * count)
    winners = votes.reshape(-1, count).argmax(axis=1)
    return winners[superpixels].astype(classes.dtype)


def voting(
    predict: Callable[[np.ndarray], dict[str, Any]], scale: int = _SCALE
) -> Callable[[np.ndarray], dict[str, Any]]:
    """Returns a segmentation's `predict` function, followed by a vote within superpixels."""

    def voted(image: np.ndarray) -> dict[str, Any]:
        prediction = predict(image)
        classes = vote(np.asarray(prediction["segmentation"]), felzenszwalb(image, scale))
        return {**prediction, "segmentation": classes}

    return voted
