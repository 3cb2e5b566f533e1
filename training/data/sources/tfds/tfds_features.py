"""Mapping of a TFDS data set by its features: usual names, or names from options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from training.data.sources.reading.options import read_whole_number
from training.data.sources.tfds.tfds_mapping import Example, Mapping, names_of, pixel_boxes
from zoo.errors import InputError
from zoo.tasks.sample_schema import IGNORE

OPTIONS = ("image", "label", "segmentation", "box", "boxes", "labels", "crowd", "difficult")
"""Keys of the schema for which an option may name a feature, such as `objects/bbox`."""

_USUAL = {
    "image": "image",
    "label": "label",
    "boxes": "objects/bbox",
    "labels": "objects/label",
    "difficult": "objects/is_difficult",
    "crowd": "objects/is_crowd",
}


def mapping_of_features(
    name: str, features: Any, chosen: dict[str, str], void: str = "", classes: str = ""
) -> Mapping:
    """Returns the mapping of a data set from the names of its features, a FeaturesDict.

    `chosen` holds features by key of `OPTIONS`, such as `objects/bbox`; other keys come from the
    features with the usual names. `void` and `classes` are the options of `TfdsSource`.
    """
    usual = {key: path for key, path in _USUAL.items() if find(features, path)[0] is not None}
    if not isinstance(find(features, usual.get("label", ""))[0], tfds.features.ClassLabel):
        usual.pop("label", None)
    paths = {**usual, **chosen}
    if "labels" in paths and "boxes" not in paths:
        del paths["labels"]
    for key, path in paths.items():
        _check(name, features, key, path)
    targets = [key for key in paths if key not in ("image", "difficult", "crowd")]
    if "image" not in paths or not targets or ("boxes" in paths) != ("labels" in paths):
        raise InputError(
            f"tfds:{name}: no mapping from its features {', '.join(sorted(features))} to the "
            f"sample schema; name them, as in tfds:{name}?image=photo&label=kind (also "
            f"{', '.join(OPTIONS[2:])}), or use "
            "training.data.sources.tfds.tfds_mapping.register_mapping."
        )
    keys = tuple(key for key in OPTIONS if key in paths)
    readers = {key: _reader(key, find(features, paths[key])[0], void) for key in keys}

    def sample(example: Example) -> Example:
        image = _rgb(value_at(example, paths["image"]))
        values = {
            key: readers[key](value_at(example, paths[key]), image)
            for key in keys
            if key != "image"
        }
        return {"image": image, **values}

    images = ("image", "segmentation")
    names = {
        key: names_of(feature)
        for key in ("label", "labels")
        if key in keys and hasattr(feature := _single(find(features, paths[key])[0]), "names")
    }
    class_names: tuple[str, ...] = ()
    if "segmentation" in paths:
        class_names = _class_names(name, find(features, paths["segmentation"])[0], classes)
    return Mapping(
        sample,
        keys,
        images=tuple(dict.fromkeys(paths[key] for key in images if key in paths)),
        class_names=class_names,
        object_names=names.get("labels", ()),
        label_names=names.get("label", ()),
    )


def find(features: Any, path: str) -> tuple[Any, bool]:
    """Returns the feature at a path such as `objects/bbox`, and whether it is repeated per record.

    The feature is None if there is none; names may contain slashes themselves.
    """
    many = isinstance(features, tfds.features.Sequence)
    features = _single(features)
    if not path or not hasattr(features, "keys"):
        return None, many
    if path in features:
        return features[path], many or isinstance(features[path], tfds.features.Sequence)
    for cut in range(len(path)):
        if path[cut] == "/" and path[:cut] in features:
            feature, deeper = find(features[path[:cut]], path[cut + 1 :])
            return feature, many or deeper
    return None, many


def _single(feature: Any) -> Any:
    return feature.feature if isinstance(feature, tfds.features.Sequence) else feature


def value_at(example: Any, path: str) -> tf.Tensor:
    """Returns the value in an example at a path that exists in its features."""
    if path in example:
        return example[path]
    cut = next(i for i in range(len(path)) if path[i] == "/" and path[:i] in example)
    return value_at(example[path[:cut]], path[cut + 1 :])


def _check(name: str, features: Any, key: str, path: str) -> None:
    """Raises InputError unless the feature at `path` fits the schema's `key`."""
    feature, many = find(features, path)
    if feature is None:
        raise InputError(
            f"tfds:{name}: {key}={path}: no such feature; use one of {', '.join(sorted(features))}."
        )
    inner = _single(feature)
    shape, dtype = tuple(inner.shape or ()), tf.as_dtype(getattr(inner, "tf_dtype", inner.dtype))
    top = isinstance(feature, tfds.features.Image) and path in features
    # Without a format the meaning of the four numbers is unknown.
    box = shape == (4,) and getattr(inner, "bbox_format", "pixels") is not None
    fits = {
        "image": top and dtype == tf.uint8,
        "segmentation": top and shape[-1] == 1,
        "label": dtype.is_integer and shape == () and not many,
        "labels": dtype.is_integer and shape == () and many,
        "box": box and not many,
        "boxes": box and many,
    }.get(key, dtype == tf.bool and shape == () and many)
    if not fits:
        raise InputError(
            f"tfds:{name}: {key} cannot come from {path}, a {type(feature).__name__} of shape "
            f"{feature.shape} and {dtype.name}; {key} needs {_NEEDS[key]}."
        )


_NEEDS = {
    "image": "an Image of uint8 at the top level",
    "segmentation": "an Image of one channel at the top level",
    "label": "a ClassLabel or a whole number",
    "labels": "a ClassLabel or whole number for each object",
    "box": "one box of four numbers",
    "boxes": "a box of four numbers for each object",
    "crowd": "true or false for each object",
    "difficult": "true or false for each object",
}


def _reader(key: str, feature: Any, void: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a function from a feature's value and the image to the schema's value."""
    if key in ("label", "labels"):
        return lambda value, image: tf.cast(value, tf.int32)
    if key in ("crowd", "difficult"):
        return lambda value, image: value
    if key == "segmentation":
        ignored = read_whole_number("void", void) if void else IGNORE

        def class_map(value: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
            values = tf.cast(value[..., 0], tf.int32)
            return tf.where(values == ignored, IGNORE, values)

        return class_map
    bbox_format = getattr(getattr(_single(feature), "bbox_format", None), "value", None)
    return lambda value, image: _boxes(tf.cast(value, tf.float32), image, bbox_format)


def _boxes(boxes: tf.Tensor, image: tf.Tensor, bbox_format: str | None) -> tf.Tensor:
    """Returns `xyxy` pixels; TFDS stores every BBoxFeature as ymin, xmin, ymax, xmax."""
    if bbox_format in ("REL_YXYX", "REL_XYXY"):
        return pixel_boxes(boxes, image)
    return boxes if bbox_format is None else tf.gather(boxes, [1, 0, 3, 2], axis=-1)


def _rgb(image: tf.Tensor) -> tf.Tensor:
    """Converts to three channels: grey is repeated, alpha dropped."""
    return tf.image.grayscale_to_rgb(image) if image.shape[-1] == 1 else image[..., :3]


def _class_names(name: str, feature: Any, classes: str) -> tuple[str, ...]:
    if classes:
        return tuple(word.strip() for word in classes.split(","))
    if isinstance(feature, tfds.features.LabeledImage) and feature.num_classes:
        return names_of(feature)
    raise InputError(f"tfds:{name}: no class names of the map in TFDS; add classes=a,b,….")
