"""`zoo data --write`: a data set in another format."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from training.data.sources import Source
from training.data.sources.reading.defects import summary
from training.data.writing import count_noun, write_data_set
from training.progress import Bar
from zoo.argument_checks import check_choice
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.arguments import WRITTEN_FORMATS
from zoo_cli.output import print_json


def run_write(source: Source, splits: list[str], options: Namespace) -> int:
    """Writes splits into the folder `options.out`; returns 1 if anything has a defect."""
    if not options.write:
        raise InputError("--copy is for the images of --write; add --write FORMAT.")
    check_choice("--write", options.write, WRITTEN_FORMATS)
    if options.anchors is not None or options.speed or options.labels_only:
        raise InputError("--write excludes --anchors, --speed and --labels-only; run it alone.")
    if not options.out:
        raise InputError("--write needs --out DIR, the folder to write.")
    with Bar("writing", sum(source.sizes[split] for split in splits)) as bar:
        written = write_data_set(
            source, options.write, options.out, splits=splits, copy=options.copy, step=bar.step
        )
    for note in written.notes:
        log(f"{options.write}: {note}")
    check_headers = getattr(source, "check_image_headers", lambda split: ())
    defects = [*source.defects, *(defect for split in splits for defect in check_headers(split))]
    if text := summary(defects, source.spec):
        log(f"{source.spec}: {text}")
    images = sum(written.images.values())
    parts = ", ".join(f"{split} {count}" for split, count in written.images.items())
    if options.json:
        values: dict[str, Any] = {"data": source.spec, "format": options.write, "out": options.out}
        values |= {"images": written.images, "objects": written.objects, "notes": written.notes}
        print_json({**values, "errors": written.errors})
    else:
        text = f"{count_noun(images, 'image')} ({parts}), {count_noun(written.objects, 'object')}"
        print(f"{text}: {options.out}")
    return 1 if defects or written.errors else 0
