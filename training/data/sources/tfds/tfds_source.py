"""`tfds:NAME[/CONFIG]` — TensorFlow Datasets, and `shapes`, which is one of them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError
from tensorflow_datasets.core.download.util import DownloadError

import training.data.sources.tfds.tfds_known
import training.data.sources.tfds.tfds_shapes  # noqa: F401  (both say how their data sets are read)
from training.data.sources.reading.folder_layout import held_out_count
from training.data.sources.reading.image_headers import stated_size
from training.data.sources.source import Source
from training.data.sources.tfds.tfds_features import OPTIONS, mapping_of_features
from training.data.sources.tfds.tfds_mapping import MAPPINGS, Example, Mapping
from zoo.errors import InputError

_SPLITS = {
    "train": ("train", "training"),
    "val": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_SHUFFLED = 10_000
_PREPARING = (
    *(ValueError, OSError, AssertionError, ImportError, RuntimeError, TypeError, KeyError),
    *(tf.errors.OpError, DownloadError, NonMatchingChecksumError, ExtractError),
)
"""What goes wrong in the code of a data set and on the network while it is prepared."""


class TfdsSource(Source):
    """`tfds:NAME[/CONFIG]?data_dir=FOLDER&label=FEATURE…`: a TFDS data set, prepared if need be.

    `voc`, `coco` (objects, panoptic), `oxford_iiit_pet`, `cityscapes`, `scene_parse150`,
    `imagenet2012` and whatever is registered with `tfds_mapping.register_mapping` are read as they
    are; so is any other data set whose features have the usual names `image`, `label`,
    `objects/bbox` and `objects/label`. For the rest an option names the feature of a key, as in
    `tfds:my_set?image=photo&boxes=things/box&labels=things/kind`.

    Args:
        name: TFDS name, with the configuration after a slash.
        data_dir: where TFDS keeps prepared data; its own default without it.
        val: share of `train` to hold out where TFDS has neither a validation nor a test split.
        image, label, segmentation, box, boxes, labels, crowd, difficult: the feature that each key
            of the schema comes from; they replace a registered mapping. Boxes are a BBoxFeature,
            or four numbers that are `xyxy` pixels.
        void: value of the class map that means "ignore", besides 255.
        classes: names of the class map's classes, separated by commas.

    Raises:
        InputError: TFDS does not know the name, its features do not make a sample, or it cannot be
            prepared.
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
        given = (image, label, segmentation, box, boxes, labels, crowd, difficult)
        chosen = {key: path for key, path in zip(OPTIONS, given, strict=True) if path}
        options = {"void": void, "classes": classes}
        with self._explained():
            self.builder = tfds.builder(name, data_dir=data_dir or None)
        # Before anything is downloaded, and again since only then all names are known.
        self._mapping(chosen, options)
        with self._explained():
            self.builder.download_and_prepare()
        self.mapping = self._mapping(chosen, options)
        for attribute in ("keys", "class_names", "object_names", "label_names"):
            setattr(self, attribute, getattr(self.mapping, attribute))
        for attribute in ("joint_names", "skeleton", "joint_pairs"):
            setattr(self, attribute, getattr(self.mapping, attribute))
        self._split_names = self._splits(val)

    def _mapping(self, chosen: dict[str, str], options: dict[str, str]) -> Mapping:
        known = self.builder.name
        if known in MAPPINGS and not chosen and not any(options.values()):
            try:
                return MAPPINGS[known](self.builder)
            except KeyError as error:
                raise InputError(
                    f"tfds:{self.name}: it has no feature {error}, which labels are read from; "
                    f"there are {', '.join(sorted(self.builder.info.features))}."
                ) from error
        return mapping_of_features(self.name, self.builder.info.features, chosen, **options)

    def _splits(self, val: str) -> dict[str, str]:
        """By our name of a split, what TFDS calls it; fills `sizes`."""
        there = self.builder.info.splits
        split_names: dict[str, str] = {}
        for split, names in _SPLITS.items():
            for name in names:
                if name in there and name in self.mapping.unlabelled:
                    self.notes.append(f"split {name} has no labels: left out")
                elif name in there:
                    split_names.setdefault(split, name)
        if set(split_names) == {"train"}:
            name = split_names["train"]
            count = held_out_count(val, there[name].num_examples)
            split_names = {"train": f"{name}[:-{count}]", "val": f"{name}[-{count}:]"}
            self.notes.append(f"TFDS has only {name}: its last {count} records are val")
        if not split_names:
            raise InputError(
                f"tfds:{self.name}: none of its splits {', '.join(there)} is one of "
                f"{', '.join(word for words in _SPLITS.values() for word in words)} with labels."
            )
        self.sizes = {split: there[name].num_examples for split, name in split_names.items()}
        return split_names

    @contextlib.contextmanager
    def _explained(self):
        """Turns what TFDS raises into one line, and keeps standard output to the caller."""
        try:
            # Standard output belongs to the caller, who may be writing JSON there.
            with self._quiet() if self.quiet else contextlib.redirect_stdout(sys.stderr):
                yield
        except _PREPARING as error:
            raise InputError(f"tfds:{self.name}: {_reason(error, self.name)}") from error

    @contextlib.contextmanager
    def _quiet(self):
        """Drawing scenes takes seconds: nothing worth telling."""
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            yield
        tfds.enable_progress_bar()

    def raw(self, split: str, seed: tf.Tensor | None = None) -> tf.data.Dataset:
        skip = {key: tfds.decode.SkipDecoding() for key in self.mapping.images}
        # One file after the other, so that the order is the same on every machine.
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
            # This graph's own seed: shuffle() refuses a tensor beside a global seed of 0, and the
            # order must not depend on the global seed anyway.
            tf.random.set_seed(1)
        mixed = tf.random.stateless_uniform((2,), seed, 0, 2**31 - 1, dtype=tf.int64)
        size = min(self.sizes[split], _SHUFFLED)
        return records.shuffle(size, seed=mixed[0], reshuffle_each_iteration=False)

    def key_of(self, record: Example) -> tf.Tensor:
        return tf.strings.to_hash_bucket_fast(record["tfds_id"], 2**62)

    def size_of(self, record: Example) -> tf.Tensor:
        height, width = stated_size(record[self.mapping.images[0]])
        return tf.cast(tf.stack([height, width]), tf.int32)

    def fingerprint(self, split: str) -> bytes:
        about = (str(self.builder.data_path), self._split_names)
        return super().fingerprint(split) + repr(about).encode()

    def decode(self, record: Example) -> Example:
        features = self.builder.info.features
        decoded = {key: features[key].decode_example(record[key]) for key in self.mapping.images}
        return self.mapping.sample({**record, **decoded})

    def name_of(self, record: Example) -> str:
        called = record.get(self.mapping.name, record.get("tfds_id"))
        if called is None:
            return f"tfds:{self.name}"
        word = called.numpy()
        word = word.decode(errors="replace") if isinstance(word, bytes) else word
        return f"tfds:{self.name}, record {word}"


def _reason(error: Exception, name: str) -> str:
    """What TFDS says, in one line."""
    first, *more = [line.strip() for line in str(error).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    if "BuilderConfig" in first:
        there = sorted(tfds.builder_cls(re.split("[/:]", name)[0]).builder_configs)
        first = f"no such configuration; there are {', '.join(there)}."
    hints = [line for line in more if line.startswith("Did you mean")]
    return " ".join([first, *hints])[:300]


class _Shapes(TfdsSource):
    quiet = True


def open_shapes(config: str = "scenes", data_dir: str = "") -> TfdsSource:
    """`shapes[:CONFIG]?data_dir=FOLDER`: the embedded data set, drawn on first use.

    Args:
        config: `scenes`, `scenes_256`, `scenes_6000`, `single` or `figures`.
        data_dir: where to keep the scenes; without it a cache folder of the user's.
    """
    folder = data_dir or os.environ.get("ZOO_DATA_DIR") or Path.home() / ".cache" / "visionzoo"
    return _Shapes(f"zoo_shapes/{config or 'scenes'}", data_dir=str(folder))
