"""`zoo data`: contents and defects of a data set; `zoo data-worker`: batches for other runs."""

from __future__ import annotations

import threading
from argparse import Namespace
from pathlib import Path

from training.data.checking import check
from training.data.data_service import start_server
from training.data.sources import FORMATS, Source, format_options, open_source
from training.progress import Bar
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.data.data_anchors import run_anchors
from zoo_cli.data.data_sheet import Gallery
from zoo_cli.data.data_speed import run_speed
from zoo_cli.data.data_tables import print_report
from zoo_cli.data.data_writing import run_write
from zoo_cli.output import print_json


def run_data(options: Namespace) -> int:
    """Reads every sample once; returns 1 when there are defects."""
    if options.images < 1:
        raise InputError(f"--images must be at least 1, not {options.images}.")
    source = open_source(_spec(options))
    splits = [source.check_split(options.split)] if options.split else list(source.sizes)
    for note in source.notes:
        log(f"{source.spec}: {note}")
    if options.write or options.copy:
        return run_write(source, splits, options)
    if options.anchors is not None:
        return run_anchors(source, splits, options)
    if options.speed:
        if options.seconds <= 0:
            raise InputError(f"--seconds must be above 0, not {options.seconds:g}.")
        return run_speed(source, "train" if "train" in splits else splits[0], options)
    gallery = Gallery(source, splits, options.images) if options.out else None
    with Bar("reading", sum(source.sizes[split] for split in splits)) as bar:

        def each(split, number, reading, defective) -> None:
            bar.step(split)
            if gallery:
                gallery.add(split, number, reading, defective)

        report = check(source, splits, options.labels_only, each=each)
    for note in report.notes:
        log(f"{source.spec}: {note}")
    if gallery:
        gallery.save(options.out)
        log(f"contact sheet: {options.out}")
        if report.same_images:
            out = Path(options.out)
            path = out.with_name(f"{out.stem}.duplicates{out.suffix}")
            gallery.save_same_images(str(path), report.same_images)
            log(f"images that are or nearly are in two splits: {path}")
    if options.json:
        print_json(report.to_json())
    else:
        print_report(report, _remedy(source, report.droppable))
    return 1 if report.defects else 0


def _spec(options: Namespace) -> str:
    """Returns DATA, with `drop_bad=1` for --drop-bad."""
    if not options.drop_bad:
        return options.data
    format_name = options.data.partition("?")[0].partition(":")[0]
    if format_name in FORMATS and "drop_bad" not in format_options(format_name):
        raise InputError(
            f"{format_name}: drop_bad is not supported for this format; correct the defects that "
            "`zoo data` lists."
        )
    return _with_drop_bad(options.data)


def _with_drop_bad(spec: str) -> str:
    return f"{spec}{'&' if '?' in spec else '?'}drop_bad=1"


def _remedy(source: Source, droppable: int) -> str:
    """Returns a hint to --drop-bad, where defects can be dropped safely."""
    if not droppable:
        return ""
    return (
        f"{droppable} of them can be dropped safely: check again with --drop-bad, and train with "
        f"--data '{_with_drop_bad(source.spec)}'."
    )


def run_data_worker(options: Namespace) -> None:
    """Serves until it is interrupted; prints its address on the first line."""
    if not 0 <= options.port < 2**16:
        raise InputError(f"--port must be from 0 to 65535, not {options.port}.")
    address, servers = start_server(options.port, options.join or "", options.host)
    print(address, flush=True)
    if not options.join:
        log(f"train with --data-service {address}; more workers: zoo data-worker --join {address}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        log("stopped.")
    finally:
        del servers
