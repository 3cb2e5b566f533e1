"""A vote within superpixels, as Farabet et al. (TPAMI 2013) clean up the classes of pixels.

A step after the answer, of NumPy and OpenCV: exported files do not hold it.
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
    """The scale k of `"felzenszwalb"` or `"felzenszwalb:k"`.

    Raises:
        InputError: another method, or a scale that is not a whole number above 0.
    """
    method, colon, scale = text.partition(":")
    if method not in METHODS:
        raise InputError(f"Unknown superpixels {method!r}{nearest(method, METHODS)}")
    if colon and not re.fullmatch(r"0*[1-9]\d*", scale):
        raise InputError(f"{text}: a scale is a whole number above 0, such as {method}:{_SCALE}.")
    return int(scale) if colon else _SCALE


def felzenszwalb(image: np.ndarray, scale: int = _SCALE) -> np.ndarray:
    """Superpixels of an image: (H, W) int32 numbers from 0.

    Felzenszwalb & Huttenlocher, *Efficient Graph-Based Image Segmentation*, IJCV 2004, of the
    image smoothed with σ = 0.8; the smallest superpixel has `scale` pixels.

    Args:
        image: (H, W, 1 or 3) uint8.
        scale: k; the larger, the larger the superpixels.

    Raises:
        InputError: OpenCV with its contributed modules is not installed.
    """
    try:
        from cv2 import ximgproc
    except ImportError as error:
        raise InputError(
            "superpixels need OpenCV's contributed modules: pip install 'visionzoo[proposals]'."
        ) from error
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    graph = ximgproc.segmentation.createGraphSegmentation(_SIGMA, scale, scale)
    return graph.processImage(np.ascontiguousarray(rgb[..., ::-1]))


def vote(classes: np.ndarray, superpixels: np.ndarray) -> np.ndarray:
    """Gives every pixel the commonest class of its superpixel, the lowest of equals.

    Args:
        classes: (H, W) whole numbers from 0.
        superpixels: (H, W) whole numbers from 0.

    Returns:
        (H, W), dtype of `classes`.
    """
    count = int(classes.max()) + 1
    cells = superpixels.astype(np.int64) * count + classes
    votes = np.bincount(cells.ravel(), minlength=(int(superpixels.max()) + 1) * count)
    winners = votes.reshape(-1, count).argmax(axis=1)
    return winners[superpixels].astype(classes.dtype)


def voting(
    predict: Callable[[np.ndarray], dict[str, Any]], scale: int = _SCALE
) -> Callable[[np.ndarray], dict[str, Any]]:
    """`answer` of segmentation, whatever gives it, with the vote behind it."""

    def voted(image: np.ndarray) -> dict[str, Any]:
        found = predict(image)
        classes = vote(np.asarray(found["segmentation"]), felzenszwalb(image, scale))
        return {**found, "segmentation": classes}

    return voted
