"""What R-CNN's network says of the regions of a data set, kept on disk, one file per image."""

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
from training.data.sources import Source
from training.run import Run, serving_resize
from training.trainer import use_xla
from zoo.boxes import clip, encode, iou
from zoo.detection.two_stage.warped_regions import WarpedRegionDetector
from zoo.files.atomic_writes import digest_of, replacing, write_json
from zoo.inference.image_transform import transform_images

PAIR_IOU = 0.6
"""Overlap above which a proposal's box is regressed to the object's."""

Arrays = dict[str, Any]


class FeatureFiles:
    """The features of a run's model on the training images.

    A file holds, N being the image's regions, of which the first T are its true boxes, K the
    classes: `fc7` (N, units), `overlaps` (N, K), the greatest IoU with an object of each class;
    `true_fc7` (T, units) and `true_classes` (T,) of the objects that are to be found; `pool5`
    (M, inputs), `pair_classes` (M,) and `pair_targets` (M, 4) of the proposals that overlap one of
    these by more than 0.6; `norms` (3,), sums of the norms of fc7 and pool5 over the proposals, and
    the count of them. Features are float16.

    Args:
        run: with a kept model, whose folder gets a folder `features`.
        model: that model.
        classes: number of classes.
    """

    def __init__(self, run: Run, model: WarpedRegionDetector, classes: int):
        self.run, self.classes = run, classes
        self.folder = run.folder / "features"
        self.network = RegionNetwork(model, use_xla(run.recipe))

    def make(self, source: Source, bar: Callable[[int], None]) -> None:
        """Makes the files that are not there yet; those of another model are thrown away."""
        known = self.folder / "of.json"
        of = {"model": digest_of(self.run.folder / "model.keras")}
        if not known.is_file() or json.loads(known.read_text()) != of:
            shutil.rmtree(self.folder, ignore_errors=True)
            write_json(known, of)
        for number, (_, sample) in enumerate(source.samples("train")):
            path = self._path(number)
            if not _readable(path):
                with replacing(path) as temporary:
                    np.savez(temporary, **self._of(sample))
            bar(number + 1)

    def read(self, count: int, *keys: str) -> Iterator[list[np.ndarray]]:
        """The arrays of so many images, one after another; features in float32."""
        for number in range(count):
            with np.load(self._path(number)) as file:
                found = [file[key] for key in keys]
            yield [x.astype(np.float32) if x.dtype == np.float16 else x for x in found]

    def remove(self) -> None:
        """Frees the disk."""
        shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:07d}.npz"

    def _of(self, sample: dict[str, np.ndarray]) -> Arrays:
        recipe, model = self.run.recipe, self.network.model
        image = np.asarray(with_channels(sample["image"], model.channels))
        canvas, transform = transform_images(
            image[None], recipe.image_size, serving_resize(recipe.resize)
        )
        size = transform.resized_height, transform.resized_width
        given = transform.transform_boxes(
            ops.convert_to_tensor(sample["proposals"][None], "float32")
        )
        proposals, valid = model.regions_of({"proposals": given}, *size)
        proposals = _array(proposals)[0][_array(valid)[0]]
        objects = ops.convert_to_tensor(sample["boxes"].reshape(-1, 4), "float32")
        objects = _array(clip(transform.transform_boxes(objects), *size))
        labels = np.asarray(sample["labels"])
        found = (objects[:, 2:] > objects[:, :2]).all(-1) & (labels >= 0)
        wanted = found.copy()
        for key in ("crowd", "difficult"):
            wanted &= ~sample.get(key, np.zeros(len(labels), bool)).astype(bool)
        regions = np.concatenate([objects[wanted], proposals])
        pool5, fc7 = self.network(canvas, regions)
        overlaps = np.zeros((len(regions), self.classes), np.float32)
        for label in np.unique(labels[found]):
            mine = objects[found & (labels == label)]
            overlaps[:, label] = _array(iou(regions, mine)).max(1)
        true = int(wanted.sum())
        norms = [np.linalg.norm(x[true:], axis=1).sum() for x in (fc7, pool5)]
        return {
            "fc7": _half(fc7),
            "overlaps": overlaps,
            "true_fc7": _half(fc7[:true]),
            "true_classes": labels[wanted],
            "norms": np.array([*norms, len(proposals)], np.float64),
            **_pairs(proposals, pool5[true:], objects[wanted], labels[wanted]),
        }


class RegionNetwork:
    """From an image on its canvas and boxes to what the layers before the last say of them.

    Args:
        model: an `rcnn`.
        xla: whether XLA compiles it.
    """

    def __init__(self, model: WarpedRegionDetector, xla: bool = False):
        self.model = model
        head = model.box_head
        outputs = [head.get_layer(name).output for name in ("flatten", "fc7")]
        self.network = keras.Model(head.input, outputs)
        self.network.compile(jit_compile=xla)

    def __call__(self, canvas: Any, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """pool5 (N, inputs) and fc7 (N, units) of boxes (N, 4) on a canvas (1, H, W, C)."""
        taken = {"image": canvas, "proposals": ops.zeros((1, 1, 4))}
        pixels = self.model(taken, training=False)["p0"]
        at_once = self.model.branch.at_once
        parts = [[np.zeros((0, x.shape[-1]), np.float32)] for x in self.network.outputs]
        for start in range(0, len(boxes), at_once):
            piece = boxes[start : start + at_once]
            # Pieces of one size are compiled once.
            padded = np.pad(piece, [(0, at_once - len(piece)), (0, 0)])
            warps = self.model.branch.pooler({0: pixels}, padded[None])
            for part, found in zip(parts, self.network.predict_on_batch(warps), strict=True):
                part.append(np.asarray(found, np.float32)[: len(piece)])
        pool5, fc7 = (np.concatenate(part) for part in parts)
        return pool5, fc7


def _pairs(proposals, pool5, objects, labels) -> Arrays:
    """Proposals beside the object that they overlap most, where that is enough."""
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
