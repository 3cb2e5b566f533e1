"""Features of the regions of a data set from R-CNN's network, stored in one file per image."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from training.data.augment.lazy_image import with_channels
from training.data.batch_config import serving_resize
from training.data.sources import Source
from training.optimization import use_xla
from training.run import Run
from zoo.boxes import clip, encode, iou
from zoo.detection.two_stage.warped_regions import WarpedRegionDetector
from zoo.files.atomic_writes import digest_of, replacing, write_json
from zoo.inference.image_transform import transform_images

PAIR_IOU = 0.6
"""IoU above which a proposal's box is regressed to the object's."""

Arrays = dict[str, Any]


class FeatureFiles:
    """The features of a run's model on the training images, in the run's folder `features`.

    The file of an image with N regions, of which the first T are true boxes, and K classes has
    `fc7` (N, units) and `overlaps` (N, K), the greatest IoU with an object of each class;
    `true_fc7` (T, units) and `true_classes` (T,) of the objects that count; `pool5` (M, inputs),
    `pair_classes` (M,) and `pair_targets` (M, 4) of the proposals with an IoU above 0.6 with one
    of these; `norms` (3,), the sums of the norms of fc7 and pool5 over the proposals, and the
    number of proposals. Features are float16.

    Args:
        run: run with a saved model.
        model: model of the run.
        classes: number of classes.
    """

    def __init__(self, run: Run, model: WarpedRegionDetector, classes: int):
        self.run, self.classes = run, classes
        self.folder = run.folder / "features"
        self.network = RegionNetwork(model, use_xla(run.recipe))

    def make(self, source: Source, progress: Callable[[int], None]) -> None:
        """Writes the missing files; those of another model are removed."""
        stamp = self.folder / "model.json"
        model = {"digest": digest_of(self.run.folder / "model.keras")}
        if not stamp.is_file() or json.loads(stamp.read_text()) != model:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_json(stamp, model)
        for number, (_, sample) in enumerate(source.samples("train")):
            path = self._path(number)
            if not _readable(path):
                with replacing(path) as temporary:
                    np.savez(temporary, **self._features(sample))
            progress(number + 1)

    def read(self, count: int, *keys: str) -> Iterator[list[np.ndarray]]:
        """Yields arrays of the first `count` images; features in float32."""
        for number in range(count):
            with np.load(self._path(number)) as file:
                arrays = [file[key] for key in keys]
            yield [x.astype(np.float32) if x.dtype == np.float16 else x for x in arrays]

    def remove(self) -> None:
        """Removes all files."""
        shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:07d}.npz"

    def _features(self, sample: dict[str, np.ndarray]) -> Arrays:
        batch, model = self.run.recipe.batch, self.network.model
        image = np.asarray(with_channels(sample["image"], model.channels))
        inputs, transform = transform_images(
            image[None], batch.image_size, serving_resize(batch.resize)
        )
        size = transform.resized_height, transform.resized_width
        boxes = ops.convert_to_tensor(sample["proposals"][None], "float32")
        boxes = transform.transform_boxes(boxes)
        proposals, valid = model.valid_proposals({"proposals": boxes}, *size)
        proposals = _array(proposals)[0][_array(valid)[0]]
        objects = ops.convert_to_tensor(sample["boxes"].reshape(-1, 4), "float32")
        objects = _array(clip(transform.transform_boxes(objects), *size))
        labels = np.asarray(sample["labels"])
        labeled = (objects[:, 2:] > objects[:, :2]).all(-1) & (labels >= 0)
        counted = labeled.copy()
        for key in ("crowd", "difficult"):
            counted &= ~sample.get(key, np.zeros(len(labels), bool)).astype(bool)
        regions = np.concatenate([objects[counted], proposals])
        pool5, fc7 = self.network(inputs, regions)
        overlaps = np.zeros((len(regions), self.classes), np.float32)
        for label in np.unique(labels[labeled]):
            of_class = objects[labeled & (labels == label)]
            overlaps[:, label] = _array(iou(regions, of_class)).max(1)
        true = int(counted.sum())
        norms = [np.linalg.norm(x[true:], axis=1).sum() for x in (fc7, pool5)]
        return {
            "fc7": _half(fc7),
            "overlaps": overlaps,
            "true_fc7": _half(fc7[:true]),
            "true_classes": labels[counted],
            "norms": np.array([*norms, len(proposals)], np.float64),
            **_pairs(proposals, pool5[true:], objects[counted], labels[counted]),
        }


class RegionNetwork:
    """The layers of an `rcnn` up to the last but one, for an image and its boxes.

    Args:
        model: the `rcnn`.
        xla: whether XLA compiles the layers.
    """

    def __init__(self, model: WarpedRegionDetector, xla: bool = False):
        self.model = model
        head = model.box_head
        outputs = [head.get_layer(name).output for name in ("flatten", "fc7")]
        self.network = keras.Model(head.input, outputs)
        self.network.compile(jit_compile=xla)

    def __call__(self, image: Any, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns pool5 (N, inputs) and fc7 (N, units) of boxes (N, 4) of an input (1, H, W, C)."""
        inputs = {"image": image, "proposals": ops.zeros((1, 1, 4))}
        pixels = self.model(inputs, training=False)["p0"]
        at_once = self.model.box.chunk_size
        parts = [[np.zeros((0, x.shape[-1]), np.float32)] for x in self.network.outputs]
        for start in range(0, len(boxes), at_once):
            piece = boxes[start : start + at_once]
            # Pieces of equal size are compiled once.
            padded = np.pad(piece, [(0, at_once - len(piece)), (0, 0)])
            warps = self.model.box.pooler({0: pixels}, padded[None])
            for part, rows in zip(parts, self.network.predict_on_batch(warps), strict=True):
                part.append(np.asarray(rows, np.float32)[: len(piece)])
        pool5, fc7 = (np.concatenate(part) for part in parts)
        return pool5, fc7


def _pairs(proposals, pool5, objects, labels) -> Arrays:
    """Pairs each proposal with the object of greatest IoU, where that is above `PAIR_IOU`."""
    if not len(objects) or not len(proposals):
        chosen, best = np.zeros(0, int), np.zeros(0, int)
    else:
        overlaps = _array(iou(proposals, objects))
        chosen = np.flatnonzero(overlaps.max(1) > PAIR_IOU)
        best = overlaps.argmax(1)[chosen]
    objects = objects.reshape(-1, 4)
    return {
        "pool5": _half(pool5[chosen]),
        "pair_classes": labels[best],
        "pair_targets": _array(encode(objects[best], proposals[chosen])),
    }


def _half(features: np.ndarray) -> np.ndarray:
    return np.minimum(features, np.finfo(np.float16).max).astype(np.float16)


def _array(tensor: Any) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def _readable(path: Path) -> bool:
    try:
        with np.load(path) as file:
            return "norms" in file.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False
