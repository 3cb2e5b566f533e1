"""`joint:FILE.toml` — a data set with boxes and one of classified images, in one class tree.

    boxes = "coco:pets"             # a data set with boxes
    images = "classes:breeds"       # a data set with one class per image
    tree = "animals.tree"           # class tree
    names = "animals.names"         # optional: names of the tree's nodes
    images_per_box = 4              # classified images per image with boxes

Tree and names are relative to this file; so are the folders of the data sets, unless they exist
relative to the current directory.

Joint training of Redmon & Farhadi, *YOLO9000: Better, Faster, Stronger*, CVPR 2017.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.reading.json_files import short
from training.data.sources.source import Record, Sample, Source
from training.data.sources.source_formats import open_source
from zoo.darknet.tree_files import NamedTree, read_tree
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown
from zoo.files.text_files import read_text

_MAX_IMAGES_PER_BOX = 1_000_000
_KEYS = {"boxes": str, "images": str, "tree": str, "names": str, "images_per_box": int}


class JointSource(Source):
    """Images with boxes and classified images in turn; all splits but `train` have boxes only.

    Samples have `boxes`, `labels` and `label`: −1 for an image with boxes; a classified image has
    its class as `label`, and no boxes. Classes are the nodes of the tree.

    Args:
        boxes: data set with `boxes`.
        images: data set with `label` and a training split.
        tree: class tree with the classes of both data sets among its names.
        images_per_box: classified images per image with boxes, from 1 to a million.

    Attributes:
        parents: parent index of each class, as in `yolo9000`.

    Raises:
        InputError: if a data set lacks its key, or the tree lacks a class.
    """

    keys = ("image", "boxes", "labels", "crowd", "difficult", "label")

    def __init__(self, boxes: Source, images: Source, tree: NamedTree, images_per_box: int = 4):
        super().__init__()
        for source, key in ((boxes, "labels"), (images, "label")):
            if key not in source.keys:
                raise InputError(
                    f"{source.spec}: no {key} in its samples; it has {', '.join(source.keys)}."
                )
        if not 1 <= images_per_box <= _MAX_IMAGES_PER_BOX:
            raise InputError(
                f"images_per_box must be from 1 to {_MAX_IMAGES_PER_BOX}, not "
                f"{short(images_per_box)}."
            )
        images.check_split("train")
        self.boxes, self.images, self.images_per_box = boxes, images, images_per_box
        self.object_names, self.parents = tree.names, tree.parents
        self.notes = [*boxes.notes, *images.notes]
        self.defects = [*boxes.defects, *images.defects]
        self.sizes = dict(boxes.sizes)
        self.sizes["train"] = boxes.sizes[boxes.check_split("train")] * (1 + images_per_box)
        self._nodes = (_nodes(boxes, "labels", tree.names), _nodes(images, "label", tree.names))

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        boxes = self.boxes.raw(split, seed)
        images = self.images.raw("train", seed)
        no_boxes, no_image = (_empty(records.element_spec) for records in (boxes, images))
        boxed = boxes.map(lambda record: {"kind": 0, "boxes": record, "images": no_image})
        if split != "train":
            return boxed
        classified = images.map(lambda record: {"kind": 1, "boxes": no_boxes, "images": record})
        turns = tf.data.Dataset.range(self.sizes[split])
        turns = turns.map(lambda index: tf.cast(index % (1 + self.images_per_box) > 0, tf.int64))
        return tf.data.Dataset.choose_from_datasets([boxed.repeat(), classified.repeat()], turns)

    def decode(self, record: dict[str, Any]) -> Sample:
        def boxed() -> Sample:
            sample = self.boxes.decode(record["boxes"])
            labels = tf.gather(self._nodes[0], sample["labels"])
            none = tf.zeros(tf.shape(labels), tf.bool)
            return {
                "image": _rgb(sample["image"]),
                "boxes": tf.reshape(sample["boxes"], (-1, 4)),
                "labels": labels,
                "crowd": sample.get("crowd", none),
                "difficult": sample.get("difficult", none),
                "label": tf.constant(-1),
            }

        def classified() -> Sample:
            sample = self.images.decode(record["images"])
            return {
                "image": _rgb(sample["image"]),
                "boxes": tf.zeros((0, 4)),
                "labels": tf.zeros((0,), tf.int32),
                "crowd": tf.zeros((0,), tf.bool),
                "difficult": tf.zeros((0,), tf.bool),
                "label": tf.gather(self._nodes[1], sample["label"]),
            }

        sample = tf.cond(record["kind"] == 0, boxed, classified)
        shapes = {"image": (None, None, 3), "boxes": (None, 4), "label": ()}
        return {
            key: tf.ensure_shape(value, shapes.get(key, (None,))) for key, value in sample.items()
        }

    def name_of(self, record: dict[str, Any]) -> str:
        if int(record["kind"]) == 0:
            return self.boxes.name_of(record["boxes"])
        return self.images.name_of(record["images"])

    def fingerprint(self, split: str) -> bytes:
        parts = [super().fingerprint(split), repr(self.parents).encode()]
        return b"".join([*parts, self.boxes.fingerprint(split), self.images.fingerprint("train")])


def open_joint(where: str) -> Source:
    """Opens `joint:FILE.toml`; for the keys of the file see the module's documentation."""
    path = Path(where)
    try:
        settings = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        reason = shown(" ".join(str(error).split()))[:120]
        raise InputError(f"{shown(path)}: not TOML: {reason.rstrip('.')}; correct it.") from error
    for key, value in settings.items():
        if key not in _KEYS:
            raise InputError(f"{shown(path)}: unknown key {short(key)!r}{nearest(key, _KEYS)}")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            kind = "a whole number" if _KEYS[key] is int else "a string"
            raise InputError(f"{shown(path)}: {key} must be {kind}, not {short(value)}.")
    missing = next((key for key in ("boxes", "images", "tree") if key not in settings), None)
    if missing:
        raise InputError(f"{shown(path)}: no key {missing}; add {missing} = ….")
    names = path.parent / settings["names"] if "names" in settings else None
    tree = read_tree(path.parent / settings["tree"], names)
    boxes, images = (open_source(_address(path, key, settings[key])) for key in ("boxes", "images"))
    return JointSource(boxes, images, tree, settings.get("images_per_box", 4))


def _address(path: Path, key: str, spec: str) -> str:
    """Returns the address of a data set, with its folder next to the TOML file if it is there."""
    address, question, options = spec.partition("?")
    name, colon, where = address.partition(":")
    if name == "joint":
        raise InputError(
            f"{shown(path)}: {key} must be a data set of another format, not {short(spec)}."
        )
    if where and "\0" not in where and not os.path.exists(Path(where)):
        beside = path.parent / where
        where = str(beside) if os.path.exists(beside) else where
    return f"{name}{colon}{where}{question}{options}"


def _nodes(source: Source, key: str, names: tuple[str, ...]) -> np.ndarray:
    """Returns the tree node of each class of a data set."""
    indices = {name: index for index, name in enumerate(names)}
    for name in source.names_for(key):
        if name not in indices:
            raise InputError(
                f"{source.spec}: the tree has no class {name!r}{nearest(name, names)} Its names "
                "must include the classes of both data sets."
            )
    return np.array([indices[name] for name in source.names_for(key)], "int32")


def _empty(spec: Any) -> Record:
    """Returns a record of zeros, instead of the record of the other data set."""
    return tf.nest.map_structure(
        lambda part: tf.zeros([side or 0 for side in part.shape], part.dtype), spec
    )


def _rgb(image: tf.Tensor) -> tf.Tensor:
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image
