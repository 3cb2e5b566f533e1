"""`zoo predict`."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.sources.reading.image_files import (
    IMAGE_SUFFIXES,
    first_frames_note,
    images_in,
    other_files_note,
    read_image,
)
from training.data.sources.reading.image_headers import read_header
from training.drawing import overlay_heat, save_sheet
from zoo.classification import activation_model, has_activation_maps
from zoo.console import log
from zoo.errors import InputError
from zoo.inference.image_transform import transform_images
from zoo_cli.loaded_model import LoadedModel, open_with_options, with_model_channels
from zoo_cli.output import ImageErrors, print_json, print_json_line
from zoo_cli.prediction_files import PredictionFiles
from zoo_cli.prediction_writing import PreLabels, prediction_output


def run_predict(options: Namespace) -> int:
    """Writes each image with its predictions drawn on it; `--json` prints the predictions.

    With `--write` they are written as the labels of a data set instead. Images that cannot be read
    are left out and named; returns 1 if there are any.
    """
    if options.json and options.json_lines:
        raise InputError("--json and --json-lines exclude each other; use one of them.")
    loaded = open_with_options(options)
    paths = _image_files(options.images)
    errors = ImageErrors()
    results: list[dict[str, Any]] = []
    with prediction_output(loaded, options) as files:
        for path, values, text in _predicted(loaded, paths, files, options, errors):
            if options.json:
                results.append(values)
            elif options.json_lines:
                print_json_line(values)
            elif text:
                print(f"{path}: {text}")
    if options.json:
        print_json(
            {
                "model": str(loaded.path),
                "labels": loaded.labels,
                "images": [values for values in results if "error" not in values],
                "errors": errors.found,
            }
        )
    count = len(paths) - len(errors.found)
    log(f"predictions for {count} {'image' if count == 1 else 'images'}: {options.out}")
    return errors.status()


def _predicted(
    loaded: LoadedModel,
    paths: list[Path],
    files: PredictionFiles | PreLabels,
    options: Namespace,
    errors: ImageErrors,
) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """Yields path, plain values and text of each image; of one with an `error`, no text."""
    predict = loaded.predictor()
    activation_map = None if options.write else activation_maps(loaded)
    animated: list[Path] = []
    for path in paths:
        try:
            image = read_image(path)
        except InputError as error:
            errors.add(str(path), str(error))
            yield path, errors.found[-1], ""
            continue
        if read_header(path).animated:
            animated.append(path)
        if loaded.proposer is not None:
            loaded.proposer.set_image_name(str(path), image)
        inputs = with_model_channels(image, loaded.model.channels)
        predictions = predict(inputs)
        values, text = files.write(path, image, predictions)
        if activation_map is not None:
            activation = activation_map(inputs, int(predictions["label"]))
            drawn = Path(options.out) / f"{path.stem}_activation.png"
            save_sheet(drawn, Image.fromarray(overlay_heat(image, activation)))
            values["activation"] = str(drawn)
        yield path, values, text
    if animated:
        log(first_frames_note(animated))


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


def _image_files(names: list[str]) -> list[Path]:
    """Returns the files named, and the images in the folders named."""
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            files.append(path)
            continue
        others: Counter[str] = Counter()
        inside = images_in(path, others)
        if others:
            log(other_files_note(others, path))
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
