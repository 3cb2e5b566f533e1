"""The networks of `keras.applications` as backbones, `"applications:NAME"`."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

import keras

from zoo.backbones.backbone import (
    Backbone,
    normalize_pixels,
    normalize_to_caffe,
    normalize_to_imagenet,
    normalize_to_unit,
)
from zoo.backbones.foreign_backbones import PROBE_SIZE, foreign_backbone
from zoo.errors import InputError

# Normalization in the published training; -1…1 for networks without a pattern.
_NORMALIZATIONS = {
    r"VGG\d+|ResNet\d+": normalize_to_caffe,
    r"DenseNet.*|ConvNeXt.*|EfficientNetB.*|EfficientNetV2B.*": normalize_to_imagenet,
    r"EfficientNetV2[SML]": functools.partial(normalize_pixels, mean=128.0, deviation=128.0),
}
_LEVELS = {r"VGG.*": (0, 1, 2, 3, 4, 5), r"ConvNeXt.*": (2, 3, 4, 5)}


def list_networks() -> list[str]:
    """Returns the names of the networks in `keras.applications`."""
    return [name for name in dir(keras.applications) if name[0].isupper()]


def backbone(network: str) -> Backbone:
    """Returns the backbone of a network in `keras.applications`."""
    return foreign_backbone(
        f"applications:{network}",
        functools.partial(_build, network),
        _first_match(_NORMALIZATIONS, network, normalize_to_unit),
        _first_match(_LEVELS, network, (1, 2, 3, 4, 5)),
    )


def _first_match(table: dict[str, Any], network: str, default: Any) -> Any:
    return next((value for key, value in table.items() if re.fullmatch(key, network)), default)


def _build(network: str, *, channels: int, width: float, weights: str | None) -> keras.Model:
    parameters = inspect.signature(getattr(keras.applications, network)).parameters
    arguments: dict[str, Any] = {}
    if "include_preprocessing" in parameters:
        arguments["include_preprocessing"] = False
    if "alpha" in parameters:
        arguments["alpha"] = width
    elif width != 1:
        raise InputError(f"width must be 1, not {width!r}.")
    # NASNet's unpadded stem would make every later map of an even image odd.
    side = PROBE_SIZE + network.startswith("NASNet")
    model = call_constructor(network, None, input_shape=(side, side, channels), **arguments)
    if weights is not None:
        if channels != 3:
            raise InputError(f"weights={weights!r} need images of 3 channels, not {channels}.")
        model.set_weights(call_constructor(network, weights, **arguments).get_weights())
    return model


def call_constructor(network: str, weights: str | None, **arguments: Any) -> keras.Model:
    """Builds a network of `keras.applications`, without its top unless `include_top` is True."""
    try:
        return getattr(keras.applications, network)(
            weights=weights, **{"include_top": False, **arguments}
        )
    # A download fails with a bare Exception, a file in as many ways as there are files.
    except Exception as error:
        if weights is None:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{network}: weights {weights!r} were not loaded ({reason}).") from error
