"""`zoo evaluate` and `zoo predict`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data.sources.reading.image_files import IMAGES
from training.drawing import confusion_image, save_sheet
from training.evaluation import evaluate
from training.progress import Bar
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.activation_command import looks_of, write_look
from zoo_cli.loaded_model import as_model_sees, open_with_options
from zoo_cli.output import print_json
from zoo_cli.prediction_files import PredictionFiles
from zoo_cli.result_tables import result_tables


def run_evaluate(options: Namespace) -> None:
    """Measures final answers in the pixels of the original images."""
    loaded = open_with_options(options)
    source = loaded.source(options.data)
    split = source.check_split(options.split or source.held_out())
    predict = loaded.predictor()
    channels = loaded.model.channels
    with Bar(f"measuring {split}", source.sizes[split]) as bar:
        result = evaluate(
            loaded.model.task_name,
            lambda image: predict(as_model_sees(image, channels)),
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
        "inference": loaded.aids(),
        **result,
    }
    if options.confusion:
        _draw_confusion(options.confusion, result, loaded.labels)
    if options.json:
        print_json(result)
        return
    print(f"{source.spec}, {split}: {result['images']} images, in their own pixels")
    print(result_tables(result))
    if "meteor_from" in result:
        print(f"\nmeteor: {result['meteor_from']}")


def _draw_confusion(path: str, result: dict[str, Any], names: list[str]) -> None:
    if "confusion" not in result:
        raise InputError("--confusion: only answers with a class per image can be confused.")
    save_sheet(path, confusion_image(result["confusion"], names))
    log(f"confusion matrix: {path}")


def run_predict(options: Namespace) -> None:
    """Writes each image with its answer drawn on it; the answers themselves go to --json."""
    loaded = open_with_options(options)
    paths = _images(options.images)
    predict = loaded.predictor()
    channels = loaded.model.channels
    files = PredictionFiles(
        Path(options.out), loaded.model.task_name, loaded.names, options.min_score, options.masks
    )
    looks = looks_of(loaded)
    results: list[dict[str, Any]] = []
    for path in paths:
        image = read_image(path)
        if loaded.proposer is not None:
            loaded.proposer.set_image_name(str(path), image)
        seen = as_model_sees(image, channels)
        found = predict(seen)
        values, text = files.write(path, image, found)
        if looks is not None:
            target = write_look(Path(options.out), path, image, seen, int(found["label"]), looks)
            values["activation"] = str(target)
        results.append(values)
        if not options.json:
            print(f"{path}: {text}")
    if options.json:
        print_json({"model": str(loaded.path), "labels": loaded.labels, "images": results})
    else:
        log(f"{len(results)} images answered in {options.out}")


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright as the camera noted.

    Raises:
        InputError: no such file, or not an image.
    """
    from PIL import ImageOps

    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error}).") from error


def _images(names: list[str]) -> list[Path]:
    """Files named, and the images in folders named.

    Raises:
        InputError: a folder holds no images, or two images would be answered in one file.
    """
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGES)
        if not inside:
            raise InputError(f"{path}: no images ({', '.join(IMAGES)}) in this folder.")
        files += inside
    stems: dict[str, Path] = {}
    for path in files:
        if path.stem in stems:
            raise InputError(
                f"{path} and {stems[path.stem]}: both answers would be {path.stem}_overlay.png; "
                "answer them into different --out folders."
            )
        stems[path.stem] = path
    return files
