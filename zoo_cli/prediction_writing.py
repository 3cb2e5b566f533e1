"""Predictions as labels of a data set, for a labeling tool to correct."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.data.writing import (
    LabeledImage,
    LabeledObject,
    LabelNames,
    Writer,
    background_of,
    check_writable,
    count_noun,
    new_folder,
    objects_of_map,
    open_writer,
    with_outline,
)
from training.drawing import Names
from training.evaluation.captioning_metrics import caption_text
from training.evaluation.object_matching import full_masks
from zoo.argument_checks import check_choice
from zoo.console import log
from zoo.errors import InputError
from zoo_cli.arguments import WRITTEN_FORMATS
from zoo_cli.loaded_model import LoadedModel
from zoo_cli.prediction_files import (
    PredictionFiles,
    Written,
    object_values,
    plain_values,
    reported_rows,
)

SMALLEST_REGION = 16
"""Pixels of the smallest region of a class map that becomes an object."""

_OBJECT_KEYS = ("boxes", "labels", "scores", "masks", "keypoints", "captions")


class PreLabels:
    """Writes the predictions for images in the format of a labeling tool.

    Args:
        format_name: one of `WRITERS`.
        folder: existing empty folder.
        location: final place of the folder.
        names: names of classes and keypoints.
        model: name of the model, for formats that state it.
        min_score: minimum score of the objects that are written.
        masks: format of masks in the plain values, see `PredictionFiles`.
        copy: whether to copy images instead of linking them.
    """

    def __init__(
        self,
        format_name: str,
        folder: Path,
        location: Path,
        names: Names,
        model: str,
        min_score: float = 0.5,
        masks: str = "rle",
        copy: bool = False,
    ):
        self.format_name, self.folder, self.location = format_name, folder, location
        self.names, self.model, self.copy = names, model, copy
        self.min_score, self.masks = min_score, masks
        self.writer: Writer | None = None

    def write(self, path: Path, image: np.ndarray, prediction: Mapping[str, Any]) -> Written:
        """Adds an upright image (H, W, 3) with predictions; returns plain values and a text."""
        if "boxes" in prediction:
            rows = reported_rows(prediction, self.min_score)
            prediction = {
                key: np.asarray(prediction[key])[rows] for key in _OBJECT_KEYS if key in prediction
            }
        else:
            prediction = {key: np.asarray(value) for key, value in prediction.items()}
        if self.writer is None:
            names = self._label_names(prediction)
            check_writable(self.format_name, names, self.model)
            self.writer = open_writer(
                self.format_name, self.folder, names, self.copy, self.location
            )
        labeled = self._labeled(path, image, prediction, self.writer.names)
        self.writer.add(labeled)
        values, text = self._values(image, prediction, labeled)
        return {"image": str(path), **values}, text

    def _label_names(self, prediction: Mapping[str, np.ndarray]) -> LabelNames:
        names, keypoints = self.names, self.names.keypoints
        if "keypoints" in prediction and not keypoints:
            count = prediction["keypoints"].shape[-2]
            keypoints = tuple(f"keypoint {index}" for index in range(count))
        classes: tuple[str, ...] = ()
        if "boxes" in prediction:
            objects = names.objects
        elif "segmentation" in prediction:
            classes = names.classes
            objects = classes[0 if background_of(classes) is None else 1 :]
        elif "box" in prediction or {"keypoints", "label"} <= {*prediction}:
            objects = names.labels
        else:
            objects = ("person",) if "keypoints" in prediction else ()
        return LabelNames(
            objects=objects,
            classes=classes,
            labels=() if objects else names.labels,
            keypoints=keypoints if "keypoints" in prediction else (),
            skeleton=names.skeleton,
            outlines="masks" in prediction or bool(classes),
            model=self.model,
        )

    def _labeled(
        self,
        path: Path,
        image: np.ndarray,
        prediction: Mapping[str, np.ndarray],
        names: LabelNames,
    ) -> LabeledImage:
        height, width = image.shape[:2]
        labeled = LabeledImage(str(path), "", width, height, path)
        if "boxes" in prediction:
            labeled.objects = list(self._objects(prediction, (height, width)))
        elif "segmentation" in prediction:
            classes = prediction["segmentation"]
            labeled.segmentation = classes
            background = background_of(names.classes)
            labeled.objects = list(objects_of_map(classes, background, SMALLEST_REGION))
        elif "keypoints" in prediction or "box" in prediction:
            labeled.objects = [_single_object(prediction)]
        else:
            labeled.label = int(prediction["label"])
            labeled.score = float(prediction["scores"][labeled.label])
        return labeled

    def _objects(
        self, prediction: Mapping[str, np.ndarray], size: tuple[int, int]
    ) -> Iterator[LabeledObject]:
        masks = None
        if "masks" in prediction:
            masks = full_masks(prediction["masks"], prediction["boxes"], size)
        limits = np.array([size[1], size[0]] * 2)
        for row, label in enumerate(prediction["labels"]):
            box = np.clip(np.asarray(prediction["boxes"][row], np.float64), 0, limits)
            item = LabeledObject(int(label), box, score=float(prediction["scores"][row]))
            if masks is not None:
                item = with_outline(item, next(masks))
            if "keypoints" in prediction:
                item.keypoints = _visible(prediction["keypoints"][row])
            if "captions" in prediction:
                item.caption = caption_text(prediction["captions"][row], self.names.tokens)
            if (box[2:] > box[:2]).all():
                yield item

    def _values(
        self, image: np.ndarray, prediction: Mapping[str, np.ndarray], labeled: LabeledImage
    ) -> Written:
        if "boxes" in prediction:
            objects = object_values(prediction, self.names, image.shape[:2], self.masks)
            counts = Counter(one.get("caption", one["label"]) for one in objects)
            text = ", ".join(f"{count} {name}" for name, count in counts.items())
            return {"objects": objects}, text or "nothing found"
        if labeled.segmentation is not None:
            labels, values = self.names.classes, labeled.segmentation
            pixels = np.bincount(values.ravel(), minlength=len(labels))
            fractions = {labels[i]: float(pixels[i] / values.size) for i in np.flatnonzero(pixels)}
            text = ", ".join(f"{name} {100 * value:.1f} %" for name, value in fractions.items())
            return {"fractions": fractions}, text
        plain = plain_values(prediction, self.names)
        return plain, ", ".join(f"{k} {v}" for k, v in plain.items() if isinstance(v, (str, float)))


@contextlib.contextmanager
def prediction_output(
    loaded: LoadedModel, options: Namespace
) -> Iterator[PredictionFiles | PreLabels]:
    """Yields what writes the predictions: drawings, or with `--write` a data set.

    The folder of a data set appears when the block ends without an error.

    Raises:
        InputError: if that folder is not empty, or no image was written.
    """
    out = Path(options.out)
    if not options.write:
        if options.copy:
            raise InputError("--copy is for the images of --write; add --write FORMAT.")
        task = loaded.model.task_name
        yield PredictionFiles(out, task, loaded.names, options.min_score, options.masks)
        return
    check_choice("--write", options.write, WRITTEN_FORMATS)
    model = f"{loaded.model.architecture} {loaded.path.stem}"
    settings = {"min_score": options.min_score, "masks": options.masks, "copy": options.copy}
    with new_folder(out) as temporary:
        files = PreLabels(options.write, temporary, out.absolute(), loaded.names, model, **settings)
        yield files
        writer = files.writer
        if writer is None:
            raise InputError(f"{out}: not written, as no image could be read.")
        writer.close()
    for note in writer.notes():
        log(f"{options.write}: {note}")
    log(f"{count_noun(writer.objects, 'object')} as {options.write}: {out}")


def _single_object(prediction: Mapping[str, np.ndarray]) -> LabeledObject:
    """Returns the one object of an image: with a box and a class, or with keypoints."""
    keypoints = None
    if "keypoints" in prediction:
        keypoints = _visible(prediction["keypoints"])
    if "box" in prediction:
        box = np.asarray(prediction["box"], np.float64)
    else:
        points = prediction["keypoints"][:, :2].astype(np.float64)
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    label, score = 0, None
    if "label" in prediction:
        label = int(prediction["label"])
        score = float(prediction["scores"][label])
    return LabeledObject(label, box, keypoints=keypoints, score=score)


def _visible(keypoints: np.ndarray) -> np.ndarray:
    """Returns keypoints (K, 2 or more) with visibility 2, as labels have it."""
    points = np.asarray(keypoints, np.float64)[:, :2]
    return np.concatenate([points, np.full((len(points), 1), 2.0)], axis=1)
