"""Data sets: whatever layout the labels have, they come out as the one sample schema.

`open_source("FORMAT[:WHERE][?option=value&…]")` opens any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from training.sources.base import FileSource, Source
from training.sources.instances import InstanceFolder
from training.sources.masks import MaskFolder
from training.sources.tfds_source import TfdsSource, open_shapes
from zoo.errors import InputError, nearest

FORMATS: dict[str, Callable[..., Source]] = {
    "shapes": open_shapes,
    "tfds": TfdsSource,
    "masks": MaskFolder,
    "instances": InstanceFolder,
}


def open_source(spec: str) -> Source:
    """Opens a data set.

    Args:
        spec: `FORMAT[:WHERE][?option=value&…]`, such as `shapes`, `tfds:zoo_shapes/single`,
            `masks:my/folder?void=11&classes=sky,road`, `instances:my/folder`.

    Raises:
        InputError: unknown format or option, or a folder whose layout is not recognised.
    """
    address, _, query = spec.partition("?")
    form, _, where = address.partition(":")
    if form not in FORMATS:
        raise InputError(
            f"Unknown data format {form!r}{nearest(form, FORMATS)} "
            f"DATA is FORMAT[:WHERE] with a format of {', '.join(sorted(FORMATS))}."
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    try:
        source = FORMATS[form](where, **options)
    except TypeError as error:
        known = FORMATS[form].__doc__ or ""
        if "unexpected keyword" not in str(error):
            raise
        raise InputError(
            f"{spec}: {str(error).split(') ')[-1]}. {known.splitlines()[0]}"
        ) from error
    source.spec = spec
    return source


__all__ = ["FORMATS", "FileSource", "InstanceFolder", "MaskFolder", "Source", "open_source"]
