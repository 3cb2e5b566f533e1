"""`zoo evaluate`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from training.data.defect_warning import warn_of_defects
from training.data.labels_that_count import why_nothing_counts
from training.data.sources import Source
from training.drawing import confusion_image, save_sheet
from training.evaluation import evaluate_predictor
from training.progress import Bar
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.compare.compare_tasks import headline
from zoo_cli.loaded_model import open_with_options, with_model_channels
from zoo_cli.output import ImageErrors, print_json, result_tables


def run_evaluate(options: Namespace) -> int:
    """Measures final predictions in the pixels of the original images.

    Images that cannot be read are left out and named; returns 1 if there are any.
    """
    loaded = open_with_options(options)
    source = loaded.source(options.data)
    split = source.check_images(options.split or source.validation_split())
    warn_of_defects(source, (split,))
    predict = loaded.predictor()
    channels = loaded.model.channels
    errors = ImageErrors()
    with Bar(f"measuring {split}", source.sizes[split]) as bar:
        result = evaluate_predictor(
            loaded.model.task_name,
            lambda image: predict(with_model_channels(image, channels)),
            source,
            split,
            loaded.labels,
            samples=source.samples(split, on_error=errors.add),
            progress=bar,
        )
    result = {
        "model": str(loaded.path),
        "data": source.spec,
        "split": split,
        "image_size": loaded.image_size,
        "inference": loaded.test_time_options(),
        **result,
        "errors": errors.found,
    }
    if options.confusion:
        _draw_confusion(options.confusion, result, loaded.labels)
    _warn_if_undefined(source, split, loaded.model.task_name, result)
    if options.json:
        print_json(result)
        return errors.status()
    print(f"{source.spec}, {split}: {result['images']} images, in original-image pixels")
    print(result_tables(result))
    if "meteor_program" in result:
        print(f"\nmeteor: {result['meteor_program']}")
    return errors.status()


def _warn_if_undefined(source: Source, split: str, task: str, result: dict[str, Any]) -> None:
    """Logs why the main metric of the task is not defined on the split, if it is not."""
    metric = headline(task)
    if result.get(metric.key) is None and (reason := why_nothing_counts(source, split, task)):
        notes = [note for note in source.notes if note.startswith(f"{split}: ")]
        problem = f"{source.spec}: {metric.name} is not defined, since {reason}."
        log(" ".join([problem, *notes]))


def _draw_confusion(path: str, result: dict[str, Any], names: list[str]) -> None:
    if "confusion" not in result:
        raise InputError("--confusion: needs predictions of one class per image.")
    save_sheet(path, confusion_image(result["confusion"], names))
    log(f"confusion matrix: {path}")
