"""Images with boxes and images with a class alone, of classes in one tree (CVPR 2017).

`joint:FILE.toml` names two data sets and a tree:

    boxes = "coco:pets"             # a data set with boxes
    images = "classes:breeds"     # a data set with a class per image
    tree = "animals.tree"           # beside this file; its names are the classes' of both
    names = "animals.names"         # optional: what the tree's nodes are called
    images_per_box = 4            # of the second kind to each of the first

Redmon & Farhadi, *YOLO9000: Better, Faster, Stronger*, CVPR 2017, learn from both in turn.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.data.sources.source import Record, Sample, Source
from zoo.darknet.tree_files import NamedTree, read_tree
from zoo.errors import InputError, nearest
from zoo.files.text_files import read_text

_KEYS = {"boxes": str, "images": str, "tree": str, "names": str, "images_per_box": int}


class JointSource(Source):
    """Both kinds of images, one after the other; held-out splits have boxes alone.

    Samples have `boxes` and `labels`, and `label`: −1 for an image whose objects are told, else
    its class, and then `labels` is empty. Classes are the nodes of the tree.

    Args:
        boxes: a data set with `boxes`.
        images: a data set with `label` and a training split.
        tree: with all classes of both among its names.
        images_per_box: images of the second kind to each of the first, at least 1.

    Attributes:
        parents: of the classes, as `yolo9000` takes them.

    Raises:
        InputError: a data set without its key, or a class that the tree does not have.
    """

    keys = ("image", "boxes", "labels", "crowd", "difficult", "label")

    def __init__(self, boxes: Source, images: Source, tree: NamedTree, images_per_box: int = 4):
        super().__init__()
        for source, key in ((boxes, "labels"), (images, "label")):
            if key not in source.keys:
                raise InputError(f"{source.spec}: has no {key}; it has {', '.join(source.keys)}.")
        if images_per_box < 1:
            raise InputError(f"images_per_box is at least 1, not {images_per_box}.")
        images.check_split("train")
        self.boxes, self.images, self.each = boxes, images, images_per_box
        self.object_names, self.parents = tree.names, tree.parents
        self.notes = [*boxes.notes, *images.notes]
        self.sizes = dict(boxes.sizes)
        self.sizes["train"] = boxes.sizes[boxes.check_split("train")] * (1 + images_per_box)
        self._nodes = (
            _nodes(boxes, "labels", tree.names),
            _nodes(images, "label", tree.names),
        )

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        first = self.boxes.raw(split, seed)
        second = self.images.raw("train", seed)
        nothing = [_nothing(each.element_spec) for each in (first, second)]
        boxed = first.map(lambda record: {"kind": 0, "boxes": record, "images": nothing[1]})
        if split != "train":
            return boxed
        told = second.map(lambda record: {"kind": 1, "boxes": nothing[0], "images": record})
        turns = tf.data.Dataset.range(self.sizes[split])
        turns = turns.map(lambda number: tf.cast(number % (1 + self.each) > 0, tf.int64))
        return tf.data.Dataset.choose_from_datasets([boxed.repeat(), told.repeat()], turns)

    def decode(self, record: dict[str, Any]) -> Sample:
        def boxed() -> Sample:
            sample = self.boxes.decode(record["boxes"])
            labels = tf.gather(self._nodes[0], sample["labels"])
            none = tf.zeros(tf.shape(labels), tf.bool)
            return {
                "image": _colour(sample["image"]),
                "boxes": tf.reshape(sample["boxes"], (-1, 4)),
                "labels": labels,
                "crowd": sample.get("crowd", none),
                "difficult": sample.get("difficult", none),
                "label": tf.constant(-1),
            }

        def told() -> Sample:
            sample = self.images.decode(record["images"])
            return {
                "image": _colour(sample["image"]),
                "boxes": tf.zeros((0, 4)),
                "labels": tf.zeros((0,), tf.int32),
                "crowd": tf.zeros((0,), tf.bool),
                "difficult": tf.zeros((0,), tf.bool),
                "label": tf.gather(self._nodes[1], sample["label"]),
            }

        sample = tf.cond(record["kind"] == 0, boxed, told)
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
    """Opens `joint:FILE.toml`.

    Raises:
        InputError: the file is not as described above, or as `JointSource`.
    """
    from training.data.sources import open_source

    path = Path(where)
    try:
        said = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}.") from error
    for key, value in said.items():
        if key not in _KEYS:
            raise InputError(f"{path}: unknown key {key!r}{nearest(key, _KEYS)}")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            kind = "a whole number" if _KEYS[key] is int else "a text"
            raise InputError(f"{path}: {key} is {kind}, not {value!r}.")
    missing = next((key for key in ("boxes", "images", "tree") if key not in said), None)
    if missing:
        raise InputError(f"{path}: needs {missing} = …")
    names = path.parent / said["names"] if "names" in said else None
    tree = read_tree(path.parent / said["tree"], names)
    boxes, images = open_source(said["boxes"]), open_source(said["images"])
    return JointSource(boxes, images, tree, said.get("images_per_box", 4))


def _nodes(source: Source, key: str, names: tuple[str, ...]) -> np.ndarray:
    """The node of each class of a data set."""
    numbers = {name: number for number, name in enumerate(names)}
    for name in source.names_for(key):
        if name not in numbers:
            raise InputError(
                f"{source.spec}: the tree has no class {name!r}{nearest(name, names)} Its names "
                "are those of both data sets' classes."
            )
    return np.array([numbers[name] for name in source.names_for(key)], "int32")


def _nothing(spec: Any) -> Record:
    """A record that stands where there is none."""
    return tf.nest.map_structure(
        lambda each: tf.zeros([side or 0 for side in each.shape], each.dtype), spec
    )


def _colour(image: tf.Tensor) -> tf.Tensor:
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image
