"""Colors of classes and objects, the same in every image."""

from __future__ import annotations

import colorsys
import functools

import numpy as np

Color = tuple[int, int, int]

LEFT: Color = (255, 140, 0)
RIGHT: Color = (0, 175, 255)
MIDDLE: Color = (60, 205, 90)


def class_colors(count: int) -> np.ndarray:
    """Returns distinct colors (count, 3) uint8; the first is near black."""
    colors = [(24, 24, 28), *(object_color(number) for number in range(count - 1))]
    return np.array(colors[:count], np.uint8)


@functools.cache
def object_color(number: int) -> Color:
    """Returns the RGB in 0…255 of an object class; index 0 is an object, not the background."""
    hue = (0.02 + number * 0.618034) % 1.0
    value = (1.0, 0.8, 0.92)[number % 3]
    saturation = (0.75, 0.95, 0.5)[(number // 3) % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def text_on(color: Color) -> Color:
    """Returns black or white, whichever has more contrast (relative luminance of sRGB)."""
    linear = [(channel / 255) ** 2.2 for channel in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.18 else (255, 255, 255)
