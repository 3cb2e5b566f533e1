"""The warning about labels and images of a data set that are not used."""

from __future__ import annotations

import warnings
from collections.abc import Collection

from training.data.sources import Source
from training.data.sources.reading.defects import summary
from zoo.errors import LabelWarning


def warn_of_defects(source: Source, splits: Collection[str], stacklevel: int = 2) -> None:
    """Warns of the known defects of some splits, and of those of the whole data set.

    Images are not read: one that cannot be decoded raises an error, with its name, when it is.

    Args:
        source: data set.
        splits: names of the splits.
        stacklevel: frames from here to the code that the warning is for.
    """
    defects = [defect for defect in source.defects if defect.split in ("", *splits)]
    if text := summary(defects, source.spec):
        warnings.warn(f"{source.spec}: {text}", LabelWarning, stacklevel + 1)
