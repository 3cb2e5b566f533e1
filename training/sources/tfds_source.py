"""`tfds:NAME[/CONFIG]` — TensorFlow Datasets, and `shapes`, which is one of them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

import training.shapes.builder  # noqa: F401  (registers zoo_shapes with TFDS)
from training.shapes.objects import CLASSES
from training.shapes.poses import JOINT_PAIRS
from training.sources.base import Source
from zoo.errors import InputError

Example = dict[str, tf.Tensor]

_SPLITS = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
_SHUFFLED = 10_000


@dataclasses.dataclass(frozen=True)
class Mapping:
    """How the features of a TFDS data set become a sample.

    Attributes:
        sample: from a decoded example to a sample of the schema.
        keys: of the sample.
        class_names: of the class map.
        images: features that hold pictures, kept encoded while shuffled.
        joint_pairs: left and right joints.
    """

    sample: Callable[[Example], Example]
    keys: tuple[str, ...]
    class_names: tuple[str, ...]
    images: tuple[str, ...] = ("image",)
    joint_pairs: tuple[tuple[int, int], ...] | None = None


def _shapes_sample(example: Example) -> Example:
    objects = example["objects"]
    return {
        "image": example["image"],
        "segmentation": tf.cast(example["segmentation"][..., 0], tf.int32),
        "instances": tf.cast(example["instances"][..., 0], tf.int32),
        "label": tf.cast(example["label"], tf.int32),
        "box": example["box"],
        "boxes": objects["bbox"],
        "labels": tf.cast(objects["label"], tf.int32),
        "keypoints": objects["keypoints"],
    }


MAPPINGS: dict[str, Mapping] = {
    "zoo_shapes": Mapping(
        sample=_shapes_sample,
        keys=("image", "segmentation", "instances", "label", "box", "boxes", "labels", "keypoints"),
        class_names=("background", *CLASSES),
        images=("image", "segmentation", "instances"),
        joint_pairs=JOINT_PAIRS,
    ),
}
"""Known data sets; add an entry to read another one."""


class TfdsSource(Source):
    """`tfds:NAME[/CONFIG]?data_dir=FOLDER`: a prepared TFDS data set, prepared first if need be.

    Args:
        name: TFDS name, with the configuration after a slash.
        data_dir: where TFDS keeps prepared data; its own default without it.

    Raises:
        InputError: TFDS does not know the name, there is no mapping for it, or it cannot be
            prepared.
    """

    quiet = False

    def __init__(self, name: str, data_dir: str = ""):
        super().__init__()
        known = name.split("/")[0].split(":")[0]
        if known not in MAPPINGS:
            raise InputError(
                f"tfds:{name}: no mapping from its features to the sample schema; there are "
                f"{', '.join(MAPPINGS)}; add one to training.sources.tfds_source.MAPPINGS."
            )
        self.mapping = MAPPINGS[known]
        try:
            # Standard output belongs to the caller, who may be writing JSON there.
            with self._quiet() if self.quiet else contextlib.redirect_stdout(sys.stderr):
                self.builder = tfds.builder(name, data_dir=data_dir or None)
                self.builder.download_and_prepare()
        except (ValueError, OSError, tfds.core.DatasetNotFoundError) as error:
            raise InputError(f"tfds:{name}: {str(error).splitlines()[0]}") from error
        self.name = name
        self.class_names = self.mapping.class_names
        self.keys = self.mapping.keys
        self.joint_pairs = self.mapping.joint_pairs
        self._split_names = {}
        for split, names in _SPLITS.items():
            for name_there in names:
                if name_there in self.builder.info.splits:
                    self._split_names[split] = name_there
                    self.sizes[split] = self.builder.info.splits[name_there].num_examples

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
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
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

    def decode(self, record: Example) -> Example:
        features = self.builder.info.features
        decoded = {key: features[key].decode_example(record[key]) for key in self.mapping.images}
        return self.mapping.sample({**record, **decoded})

    def name_of(self, record: Example) -> str:
        index = record.get("index")
        return f"tfds:{self.name}" + ("" if index is None else f", record {int(index)}")


class _Shapes(TfdsSource):
    quiet = True


def open_shapes(config: str = "scenes", data_dir: str = "") -> TfdsSource:
    """`shapes[:CONFIG]?data_dir=FOLDER`: the embedded data set, drawn on first use.

    Args:
        config: `scenes`, `scenes_256`, `single` or `figures`.
        data_dir: where to keep the scenes; without it a cache folder of the user's.
    """
    folder = data_dir or os.environ.get("ZOO_DATA_DIR") or Path.home() / ".cache" / "visionzoo"
    return _Shapes(f"zoo_shapes/{config or 'scenes'}", data_dir=str(folder))
