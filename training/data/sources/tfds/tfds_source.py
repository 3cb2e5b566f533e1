"""`tfds:NAME[/CONFIG]` — TensorFlow Datasets, including the embedded `shapes`."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.core.download.util import DownloadError

import training.data.sources.tfds.tfds_datasets
import training.data.sources.tfds.tfds_shapes  # noqa: F401  (both register mappings)
from training.data.sources.reading.splits import validation_count
from training.data.sources.source import Source
from training.data.sources.tfds.tfds_features import OPTIONS, mapping_of_features
from training.data.sources.tfds.tfds_mapping import MAPPINGS, Example, Mapping
from zoo.console import log
from zoo.errors import InputError
from zoo.images.exif_orientation import exif_orientation
from zoo.images.image_decoding import decode_image, upright_size

_SPLITS = {
    "train": ("train", "training"),
    "val": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_SHUFFLE_BUFFER = 10_000
_PREPARING = (
    *(ValueError, OSError, AssertionError, ImportError, RuntimeError, TypeError, KeyError),
    *(tf.errors.OpError, DownloadError, NonMatchingChecksumError, ExtractError),
)
"""Errors from the code of a data set and from the network while it is prepared."""

_SHARED = (
    *("keys", "class_names", "object_names", "label_names"),
    *("keypoint_names", "skeleton", "flip_pairs"),
)
"""Attributes of a `Mapping` that a `Source` has too."""


class TfdsSource(Source):
    """`tfds:NAME[/CONFIG]?data_dir=FOLDER&label=FEATURE…`: a TFDS data set, prepared if necessary.

    No options are needed for `voc`, `coco` (objects, panoptic), `oxford_iiit_pet`, `cityscapes`,
    `scene_parse150`, `imagenet2012`, data sets registered with `tfds_mapping.register_mapping`, and
    any data set whose features have the usual names `image`, `label`, `objects/bbox` and
    `objects/label`. For others an option names the feature of each key, as in
    `tfds:my_set?image=photo&boxes=things/box&labels=things/kind`.

    Args:
        name: TFDS name, with the configuration after a slash.
        data_dir: folder of prepared data; TFDS's own default if empty.
        val: fraction of `train` to validate on if TFDS has no other split.
        image: feature of the image. This and the next seven replace a registered mapping.
        label: feature of the image's class.
        segmentation: feature of the class map.
        box: feature of the one box; a BBoxFeature, or four numbers that are `xyxy` pixels.
        boxes: feature of the boxes, likewise.
        labels: feature of the objects' classes.
        crowd: feature of the crowd flags.
        difficult: feature of the difficult flags.
        void: value of the class map that is ignored, besides 255.
        classes: names of the class map's classes, separated by commas.

    Raises:
        InputError: if the data set does not exist, cannot be prepared, or lacks features.
    """

    quiet = False

    def __init__(
        self,
        name: str,
        data_dir: str = "",
        val: str = "0.2",
        image: str = "",
        label: str = "",
        segmentation: str = "",
        box: str = "",
        boxes: str = "",
        labels: str = "",
        crowd: str = "",
        difficult: str = "",
        void: str = "",
        classes: str = "",
    ):
        super().__init__()
        self.name = name
        paths = (image, label, segmentation, box, boxes, labels, crowd, difficult)
        chosen = {key: path for key, path in zip(OPTIONS, paths, strict=True) if path}
        options = {"void": void, "classes": classes}
        with self._translated_errors():
            self.builder = tfds.builder(name, data_dir=data_dir or None)
        # First checked before any download; only a prepared data set has all names.
        self._mapping(chosen, options)
        with self._translated_errors():
            if not self.quiet and not self.builder.is_prepared():
                log(f"tfds:{name}: downloading and preparing in {self.builder.data_path}")
            self.builder.download_and_prepare()
        self.mapping = self._mapping(chosen, options)
        for attribute in _SHARED:
            setattr(self, attribute, getattr(self.mapping, attribute))
        self._split_names = self._splits(val)

    def _mapping(self, chosen: dict[str, str], options: dict[str, str]) -> Mapping:
        name = self.builder.name
        if name in MAPPINGS and not chosen and not any(options.values()):
            try:
                return MAPPINGS[name](self.builder)
            except KeyError as error:
                raise InputError(
                    f"tfds:{self.name}: no feature {error} for the labels; it has "
                    f"{', '.join(sorted(self.builder.info.features))}."
                ) from error
        return mapping_of_features(self.name, self.builder.info.features, chosen, **options)

    def _splits(self, val: str) -> dict[str, str]:
        """Returns the TFDS name of each split; fills `sizes`."""
        available = self.builder.info.splits
        split_names: dict[str, str] = {}
        for split, names in _SPLITS.items():
            for name in names:
                if name in available and name in self.mapping.unlabeled:
                    self.notes.append(f"split {name} has no labels and is not used.")
                elif name in available:
                    split_names.setdefault(split, name)
        if set(split_names) == {"train"}:
            name = split_names["train"]
            count = validation_count(val, available[name].num_examples)
            split_names = {"train": f"{name}[:-{count}]", "val": f"{name}[-{count}:]"}
            self.notes.append(
                f"TFDS has no validation split; the last {count} records of {name} are used as val."
            )
        if not split_names:
            raise InputError(
                f"tfds:{self.name}: no labeled split among {', '.join(available)}; it needs one "
                f"of {', '.join(word for words in _SPLITS.values() for word in words)}."
            )
        self.sizes = {split: available[name].num_examples for split, name in split_names.items()}
        return split_names

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raises errors of TFDS as InputError, and suppresses its output and progress bars."""
        tfds.disable_progress_bar()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except _PREPARING as error:
            raise InputError(f"tfds:{self.name}: {_reason(error, self.name)}") from error
        finally:
            tfds.enable_progress_bar()

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        skip = {key: tfds.decode.SkipDecoding() for key in self.mapping.images}
        # Files are read in sequence, so that the order is the same on every machine.
        records = self.builder.as_dataset(
            split=self._split_names[split],
            decoders=skip,
            read_config=tfds.ReadConfig(
                interleave_cycle_length=1, try_autocache=False, add_tfds_id=True
            ),
        )
        if seed is None:
            return records
        if not tf.executing_eagerly():
            # shuffle() refuses a tensor seed with a global seed of 0, and the order must not depend
            # on the global seed, so this graph gets its own seed.
            tf.random.set_seed(1)
        mixed = tf.random.stateless_uniform((2,), seed, 0, 2**31 - 1, dtype=tf.int64)
        size = min(self.sizes[split], _SHUFFLE_BUFFER)
        return records.shuffle(size, seed=mixed[0], reshuffle_each_iteration=False)

    def key_of(self, record: Example) -> tf.Tensor:
        return tf.strings.to_hash_bucket_fast(record["tfds_id"], 2**62)

    def size_of(self, record: Example) -> tf.Tensor:
        contents = record[self.mapping.images[0]]
        return tf.cast(upright_size(contents, exif_orientation(contents)), tf.int32)

    def fingerprint(self, split: str) -> bytes:
        data = (str(self.builder.data_path), self._split_names)
        return super().fingerprint(split) + repr(data).encode()

    def decode(self, record: Example) -> Example:
        features = self.builder.info.features
        decoded = {key: features[key].decode_example for key in self.mapping.images}
        # TFDS would leave images as they are stored.
        if features[self.mapping.images[0]].shape[-1:] == (3,):
            decoded[self.mapping.images[0]] = decode_image
        images = {key: decode(record[key]) for key, decode in decoded.items()}
        return self.mapping.sample({**record, **images})

    def name_of(self, record: Example) -> str:
        value = record.get(self.mapping.name, record.get("tfds_id"))
        if value is None:
            return f"tfds:{self.name}"
        name = value.numpy()
        name = name.decode(errors="replace") if isinstance(name, bytes) else name
        return f"tfds:{self.name}: record {name}"


def _reason(error: Exception, name: str) -> str:
    """Returns the error of TFDS as one line."""
    first, *more = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    if "BuilderConfig" in first:
        configs = sorted(tfds.builder_cls(re.split("[/:]", name)[0]).builder_configs)
        first = f"unknown configuration. Available: {', '.join(configs)}."
    hints = [line for line in more if line.startswith("Did you mean")]
    return " ".join([first, *hints])[:300]


class _Shapes(TfdsSource):
    """The embedded data set, drawn without output."""

    quiet = True


def open_shapes(config: str = "scenes", data_dir: str = "") -> TfdsSource:
    """Opens `shapes[:CONFIG]?data_dir=FOLDER`, the embedded data set, drawn on first use.

    Args:
        config: `scenes`, `scenes_256`, `scenes_6000`, `single` or `figures`.
        data_dir: folder of the drawn scenes; by default `$ZOO_DATA_DIR` or a cache folder.
    """
    folder = data_dir or os.environ.get("ZOO_DATA_DIR") or Path.home() / ".cache" / "visionzoo"
    return _Shapes(f"zoo_shapes/{config or 'scenes'}", data_dir=str(folder))
