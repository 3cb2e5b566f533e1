"""`zoo evaluate`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from training.drawing import confusion_image, save_sheet
from training.evaluation import evaluate_predictor
from training.progress import Bar
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.loaded_model import open_with_options, with_model_channels
from zoo_cli.output import print_json, result_tables


def run_evaluate(options: Namespace) -> None:
    """Measures final predictions in the pixels of the original images."""
    loaded = open_with_options(options)
    source = loaded.source(options.data)
    split = source.check_split(options.split or source.validation_split())
    predict = loaded.predictor()
    channels = loaded.model.channels
    with Bar(f"measuring {split}", source.sizes[split]) as bar:
        result = evaluate_predictor(
            loaded.model.task_name,
            lambda image: predict(with_model_channels(image, channels)),
            source,
            split,
            loaded.labels,
            progress=bar,
        )
    result = {
        "model": str(loaded.path),
        "data": source.spec,
        "split": split,
        "image_size": loaded.image_size,
        "inference": loaded.test_time_options(),
        **result,
    }
    if options.confusion:
        _draw_confusion(options.confusion, result, loaded.labels)
    if options.json:
        print_json(result)
        return
    print(f"{source.spec}, {split}: {result['images']} images, in original-image pixels")
    print(result_tables(result))
    if "meteor_program" in result:
        print(f"\nmeteor: {result['meteor_program']}")


def _draw_confusion(path: str, result: dict[str, Any], names: list[str]) -> None:
    if "confusion" not in result:
        raise InputError("--confusion: needs predictions of one class per image.")
    save_sheet(path, confusion_image(result["confusion"], names))
    log(f"confusion matrix: {path}")
