"""Conversion of a data set to another format."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from training.data.sources import Source
from training.data.writing.output_folders import new_folder
from training.data.writing.sample_labels import SampleLabels
from training.data.writing.writer_formats import WRITERS, check_writable, count_noun, open_writer
from zoo.argument_checks import check_choice
from zoo.errors import InputError

_WITH_MAPS = ("masks", "voc")


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        images: number of images by split.
        objects: number of objects.
        notes: a sentence for everything that was left out or changed.
        errors: messages of the images that could not be read.
    """

    images: dict[str, int]
    objects: int
    notes: list[str]
    errors: list[str]


def write_data_set(
    source: Source,
    format_name: str,
    folder: str | os.PathLike[str],
    *,
    splits: Iterable[str] | None = None,
    copy: bool = False,
    step: Callable[[str], None] = lambda split: None,
) -> Written:
    """Writes a data set in another format, as a whole or not at all.

    Args:
        source: data set.
        format_name: one of `WRITERS`.
        folder: folder to write, new or empty.
        splits: splits to write; all by default.
        copy: whether to copy image files instead of making hard links.
        step: called with the split after each image.

    Raises:
        InputError: if the folder is not empty, or the format cannot hold the data set's labels.
    """
    check_choice("format_name", format_name, tuple(WRITERS))
    labels = SampleLabels(source, maps=format_name in _WITH_MAPS)
    check_writable(format_name, labels.names, source.spec)
    with new_folder(folder) as temporary:
        location = Path(folder).absolute()
        writer = open_writer(format_name, temporary, labels.names, copy, location)
        for split in source.sizes if splits is None else splits:
            for image in labels.images(split):
                writer.add(image)
                step(split)
        if not writer.images:
            first = f": {labels.errors[0]}" if labels.errors else "."
            raise InputError(f"{source.spec}: no image can be written{first}")
        writer.close()
    notes = [*labels.notes(), *writer.notes()]
    chosen = source.sizes if splits is None else splits
    notes += [f"split {split} has no images." for split in chosen if not writer.images[split]]
    if labels.errors:
        notes.append(f"{count_noun(len(labels.errors), 'image')} left out: {labels.errors[0]}")
    return Written(dict(writer.images), writer.objects, notes, labels.errors)
