"""`zoo evaluate` and `zoo predict`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.data.sources.reading.image_files import PICTURES
from training.drawing import confusion_picture, save_sheet
from training.evaluation import evaluate
from training.progress import Bar
from zoo.errors import InputError
from zoo_cli.activation_command import looks_of, write_look
from zoo_cli.loaded_model import as_model_sees, open_with_aids
from zoo_cli.output import print_json, say
from zoo_cli.prediction_files import AnswerFiles
from zoo_cli.result_tables import result_tables


def run_evaluate(options: Namespace) -> None:
    """Measures final answers in the pixels of the original pictures."""
    opened = open_with_aids(options)
    source = opened.source(options.data)
    split = source.check_split(options.split or source.held_out())
    answer = opened.answerer()
    channels = opened.model.channels
    with Bar(f"measuring {split}", source.sizes[split]) as bar:
        result = evaluate(
            opened.model.task_name,
            lambda image: answer(as_model_sees(image, channels)),
            source,
            split,
            opened.labels,
            progress=bar,
        )
    result = {
        "model": str(opened.path),
        "data": source.spec,
        "split": split,
        "image_size": opened.image_size,
        "inference": opened.aids(),
        **result,
    }
    if options.confusion:
        _draw_confusion(options.confusion, result, opened.labels)
    if options.json:
        print_json(result)
        return
    print(f"{source.spec}, {split}: {result['pictures']} pictures, in their own pixels")
    print(result_tables(result))
    if "meteor_from" in result:
        print(f"\nmeteor: {result['meteor_from']}")


def _draw_confusion(path: str, result: dict[str, Any], names: list[str]) -> None:
    if "confusion" not in result:
        raise InputError("--confusion: only answers with a class a picture can be confused.")
    save_sheet(path, confusion_picture(result["confusion"], names))
    say(f"confusion matrix: {path}")


def run_predict(options: Namespace) -> None:
    """Writes each picture with its answer drawn on it; the answers themselves go to --json."""
    opened = open_with_aids(options)
    paths = _pictures(options.pictures)
    answer = opened.answerer()
    channels = opened.model.channels
    files = AnswerFiles(
        Path(options.out), opened.model.task_name, opened.names, options.min_score, options.masks
    )
    looks = looks_of(opened)
    results: list[dict[str, Any]] = []
    for path in paths:
        image = read_picture(path)
        if opened.proposer is not None:
            opened.proposer.know(str(path), image)
        seen = as_model_sees(image, channels)
        found = answer(seen)
        values, text = files.write(path, image, found)
        if looks is not None:
            target = write_look(Path(options.out), path, image, seen, int(found["label"]), looks)
            values["activation"] = str(target)
        results.append(values)
        if not options.json:
            print(f"{path}: {text}")
    if options.json:
        print_json({"model": str(opened.path), "labels": opened.labels, "pictures": results})
    else:
        say(f"{len(results)} pictures answered in {options.out}")


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright as the camera noted.

    Raises:
        InputError: no such file, or not a picture.
    """
    from PIL import ImageOps

    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable picture ({error}).") from error


def _pictures(names: list[str]) -> list[Path]:
    """Files named, and the pictures in folders named.

    Raises:
        InputError: a folder holds no pictures, or two pictures would be answered in one file.
    """
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
        if not inside:
            raise InputError(f"{path}: no pictures ({', '.join(PICTURES)}) in this folder.")
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
