"""`zoo predict`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.sources.reading.image_files import IMAGE_SUFFIXES
from training.drawing import overlay_heat, save_sheet
from zoo.classification import activation_model, has_activation_maps
from zoo.console import log
from zoo.errors import InputError
from zoo.inference.image_transform import transform_images
from zoo_cli.loaded_model import LoadedModel, open_with_options, with_model_channels
from zoo_cli.output import print_json
from zoo_cli.prediction_files import PredictionFiles


def run_predict(options: Namespace) -> None:
    """Writes each image with its predictions drawn on it; `--json` prints the predictions."""
    loaded = open_with_options(options)
    paths = _image_files(options.images)
    predict = loaded.predictor()
    out = Path(options.out)
    files = PredictionFiles(
        out, loaded.model.task_name, loaded.names, options.min_score, options.masks
    )
    activation_map = activation_maps(loaded)
    results: list[dict[str, Any]] = []
    for path in paths:
        image = read_image(path)
        if loaded.proposer is not None:
            loaded.proposer.set_image_name(str(path), image)
        inputs = with_model_channels(image, loaded.model.channels)
        predictions = predict(inputs)
        values, text = files.write(path, image, predictions)
        if activation_map is not None:
            activation = activation_map(inputs, int(predictions["label"]))
            drawn = out / f"{path.stem}_activation.png"
            save_sheet(drawn, Image.fromarray(overlay_heat(image, activation)))
            values["activation"] = str(drawn)
        results.append(values)
        if not options.json:
            print(f"{path}: {text}")
    if options.json:
        print_json({"model": str(loaded.path), "labels": loaded.labels, "images": results})
    else:
        log(f"predictions for {len(results)} images: {out}")


def activation_maps(loaded: LoadedModel) -> Callable[[np.ndarray, int], np.ndarray] | None:
    """Returns the map (H, W) of an image (H, W, C) uint8 and a class index; None without maps."""
    if not has_activation_maps(loaded.model):
        return None
    model = activation_model(loaded.model)

    def activation_map(image: np.ndarray, label: int) -> np.ndarray:
        inputs, transform = transform_images(image[None], loaded.image_size, loaded.resize)
        maps = tf.image.resize(model(inputs, training=False), inputs.shape[1:3])
        return np.asarray(transform.restore_map(maps))[0, ..., label]

    return activation_map


def read_image(path: Path) -> np.ndarray:
    """Returns the (H, W, 3) uint8 RGB pixels of an image file, turned upright by its EXIF."""
    from PIL import ImageOps

    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error}).") from error


def _image_files(names: list[str]) -> list[Path]:
    """Returns the files named, and the images in the folders named."""
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        if not inside:
            raise InputError(f"{path}: no images ({', '.join(IMAGE_SUFFIXES)}) in this folder.")
        files += inside
    stems: dict[str, Path] = {}
    for path in files:
        if path.stem in stems:
            raise InputError(
                f"{path} and {stems[path.stem]}: both would be written to "
                f"{path.stem}_overlay.png; predict them into different --out folders."
            )
        stems[path.stem] = path
    return files
