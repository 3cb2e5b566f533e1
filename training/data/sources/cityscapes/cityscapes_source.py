"""`cityscapes:FOLDER` — Cityscapes' images with the nineteen classes to train on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from training.data.sources.cityscapes.cityscapes_labels import (
    CLASS_OF_ID,
    CLASS_OF_TRAIN_ID,
    CLASSES,
)
from training.data.sources.cityscapes.cityscapes_polygons import draw_polygons
from training.data.sources.maps.class_map_source import ClassMapSource
from training.data.sources.maps.mask_coding import MaskCoding
from training.data.sources.maps.mask_probe import probe_mask
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import Pairs
from training.data.sources.reading.image_files import IMAGE_SUFFIXES, natural_key, refuse_device
from training.data.sources.reading.index_maps import with_pillow
from training.data.sources.reading.splits import SplitRule, apply_rule, split_from_name
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.tasks.sample_schema import IGNORE

_IMAGES = "leftImg8bit"
_IDS, _TRAIN_IDS, _POLYGONS = "labelIds.png", "labelTrainIds.png", "polygons.json"
_KINDS = (_IDS, _TRAIN_IDS, _POLYGONS)


class CityscapesFolder(ClassMapSource):
    """`cityscapes:FOLDER?labels=gtFine&…`: street scenes with class maps.

    Images are `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`. The class map of an image is the first
    that exists of `gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png`, `…_labelTrainIds.png` and
    `…_polygons.json`, which is drawn. Labels other than the nineteen classes are ignored.

    Args:
        root: the data folder.
        labels: `gtFine` or `gtCoarse`.
        missing: `drop` leaves out images without labels.
        val: fraction of the images to validate on if there is only `train`.
        split, fold: how to divide them, see `SplitRule`.

    Raises:
        InputError: if there are no such folders, or no image has labels.
    """

    def __init__(
        self,
        root: str,
        labels: str = "gtFine",
        missing: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
    ):
        super().__init__(root)
        self._labels = check_choice("labels", labels, ("gtFine", "gtCoarse"))
        self._drops = check_choice("missing", missing, ("", "drop")) == "drop"
        self.class_names = CLASSES
        for name in (_IMAGES, labels):
            if not (self.root / name).is_dir():
                raise InputError(
                    f"{shown(self.root)}: no folder {name}; unpack {name}_trainvaltest.zip there, "
                    f"or name the folder that contains {_IMAGES} and {labels}."
                )
        folders = sorted(path for path in (self.root / _IMAGES).iterdir() if path.is_dir())
        splits: dict[str, Pairs] = {}
        for folder in folders:
            name = split_from_name(folder.name) or folder.name
            pairs = self._pairs(name, folder)
            if name == "test" and self._is_blank(pairs):
                self.notes.append("the labels of test are not public, so test is not read.")
            elif pairs or any(defect.split == name for defect in self.defects):
                splits[name] = pairs
        if not any(splits.values()):
            raise InputError(
                f"{shown(self.root)}: no image of {_IMAGES} has labels in {labels}; both have "
                "folders such as train/aachen."
            )
        splits = apply_rule(splits, self, SplitRule(val, split, fold), lambda pair: pair[0])
        maps = [path for pairs in splits.values() for _, path in pairs]
        self.add_maps(splits, _decoder(maps))

    def _pairs(self, split: str, folder: Path) -> Pairs:
        """Returns the images of a split with their label files."""
        pairs: Pairs = []
        unlabeled: list[Path] = []
        unused = 0
        for city in sorted(path for path in folder.iterdir() if path.is_dir()):
            labels = self.root / self._labels / folder.name / city.name
            names = set(os.listdir(labels)) if labels.is_dir() else set()
            ends = [(name, kind) for name in names for kind in _KINDS if name.endswith(kind)]
            labeled = {name.removesuffix(kind) for name, kind in ends}
            for image in sorted(city.iterdir(), key=natural_key):
                if image.suffix.lower() not in IMAGE_SUFFIXES or image.name.startswith("."):
                    continue
                stem = f"{image.stem.removesuffix(f'_{_IMAGES}')}_{self._labels}_"
                labeled.discard(stem)
                kind = next((kind for kind in _KINDS if stem + kind in names), None)
                if kind is None:
                    unlabeled.append(image)
                else:
                    pairs.append((refuse_device(image), refuse_device(labels / (stem + kind))))
            unused += len(labeled)
        if unused:
            self.notes.append(f"{split}: labels of {unused} images that are not there, not read.")
        if not pairs and split == "test":
            return []
        if self._drops and unlabeled:
            self.notes.append(f"missing=drop: {len(unlabeled)} images of {split} have no labels.")
        for image in [] if self._drops else unlabeled:
            problem = f"no labels in {self._labels}"
            remedy = "add them, or leave such images out with missing=drop"
            self.report(Defect(problem, remedy, "", shown(image), split, unused="image"))
        return pairs

    def _is_blank(self, pairs: Pairs) -> bool:
        """Returns whether a split has no labels, or only ignored ones."""
        maps = [path for _, path in pairs if path.suffix == ".png"]
        return not pairs or (bool(maps) and _is_ignored(maps[0]))


def _is_ignored(path: Path) -> bool:
    classes = CLASS_OF_ID if path.name.endswith(_IDS) else CLASS_OF_TRAIN_ID
    return all(classes.get(value) == IGNORE for value in probe_mask(path).values)


def _decoder(maps: Sequence[Path]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function from the path of a label file to its class map (H, W) int32."""
    decoders: list[tuple[str, Callable[[tf.Tensor], tf.Tensor]]] = []
    for kind, classes in ((_IDS, CLASS_OF_ID), (_TRAIN_IDS, CLASS_OF_TRAIN_ID)):
        paths = [path for path in maps if path.name.endswith(f"_{kind}")]
        if paths:
            coding = MaskCoding(CLASSES, classes, remedy=f"make {kind} again from the polygons")
            decoders.append((kind, coding.decoder(paths)))
    if any(path.name.endswith(_POLYGONS) for path in maps):
        decoders.append((_POLYGONS, with_pillow(draw_polygons)))

    def decode(path: tf.Tensor) -> tf.Tensor:
        *others, (_, last) = decoders
        result = lambda: last(path)  # noqa: E731
        for kind, one in others:
            result = _choice(path, kind, one, result)
        return tf.ensure_shape(result(), (None, None))

    return decode


def _choice(
    path: tf.Tensor,
    kind: str,
    decoder: Callable[[tf.Tensor], tf.Tensor],
    other: Callable[[], tf.Tensor],
) -> Callable[[], tf.Tensor]:
    """Returns a function that decodes a file whose name ends in `_kind`, or else calls `other`."""
    fits = tf.strings.regex_full_match(path, f".*_{kind}")
    return lambda: tf.cond(fits, lambda: decoder(path), other)
