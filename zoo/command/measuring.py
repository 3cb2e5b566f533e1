"""`zoo evaluate` and `zoo predict`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.drawing import overlay_classes, save_sheet
from training.evaluation import EVALUATIONS
from training.files import replacing
from training.sources.files import PICTURES
from zoo.command.models import as_model_sees, open_with_aids
from zoo.command.output import print_json, say, table
from zoo.errors import InputError


def run_evaluate(options: Namespace) -> None:
    """Measures final answers in the pixels of the original pictures."""
    opened = open_with_aids(options)
    source = opened.source(options.data)
    split = source.check_split(options.split or source.held_out())
    answer = opened.answerer()
    channels = opened.model.input_shape[-1]
    result = EVALUATIONS[opened.model.task_name](
        lambda image: answer(as_model_sees(image, channels)), source.samples(split), opened.labels
    )
    result = {
        "model": str(opened.path),
        "data": source.spec,
        "split": split,
        "inference": opened.aids(),
        **result,
    }
    if options.json:
        print_json(result)
        return
    print(f"{source.spec}, {split}: {result['pictures']} pictures, in their own pixels")
    baseline = result["majority_baseline"]
    rows = [
        (key, f"{result[key]:.4f}", f"{baseline[key]:.4f}" if key in baseline else "")
        for key in ("mean_iou", "mean_dice", "pixel_accuracy", "mean_accuracy")
    ]
    print(table(rows, ("metric", "value", "majority"), right="value majority"), end="\n\n")
    ious = [(k, "absent" if v is None else f"{v:.4f}") for k, v in result["iou"].items()]
    print(table(ious, ("class", "IoU"), right="IoU"))


def run_predict(options: Namespace) -> None:
    """Writes, for each picture, the class map and the picture with it laid over."""
    opened = open_with_aids(options)
    files = _pictures(options.pictures)
    answer = opened.answerer()
    channels = opened.model.input_shape[-1]
    out = Path(options.out)
    results: list[dict[str, Any]] = []
    for path in files:
        image = read_picture(path)
        classes = answer(as_model_sees(image, channels))["segmentation"]
        target = out / f"{path.stem}_classes.png"
        with replacing(target) as temporary:
            Image.fromarray(classes.astype(np.uint8)).save(temporary)
        laid_over = overlay_classes(image, classes, len(opened.labels))
        save_sheet(out / f"{path.stem}_overlay.png", Image.fromarray(laid_over))
        counts = np.bincount(classes.ravel(), minlength=len(opened.labels))
        shares = {opened.labels[i]: float(counts[i] / classes.size) for i in np.nonzero(counts)[0]}
        results.append({"picture": str(path), "classes": str(target), "shares": shares})
        if not options.json:
            text = ", ".join(f"{k} {100 * v:.1f} %" for k, v in shares.items())
            print(f"{path}: {text} → {target}")
    if options.json:
        print_json({"model": str(opened.path), "labels": opened.labels, "pictures": results})
    else:
        say(f"{len(results)} pictures answered in {out}")


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
                f"{path} and {stems[path.stem]}: both answers would be {path.stem}_classes.png; "
                "answer them into different --out folders."
            )
        stems[path.stem] = path
    return files
