"""What batches a model is trained on."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import tensorflow as tf

from training.data.augment import Augmentation, check_keys, partners
from training.data.sources import JointSource, Source
from training.data.vocabulary import Vocabulary
from zoo.errors import InputError
from zoo.tasks import TASKS


@dataclasses.dataclass(frozen=True)
class BatchConfig:
    """How samples become batches.

    Attributes:
        task: name of the task, which says the targets.
        image_size: canvas height and width.
        image_sizes: of training, in turn epoch by epoch; empty for `image_size` alone.
        size_steps: batches after which one of `image_sizes` is drawn at random instead; 0 takes
            them in turn.
        batch_size: images a batch.
        channels: 3 for colour, 1 for grey.
        fit: `"fit"`, `"stretch"` or `"crop"`, see `training.data.augment`.
        augmentation: ranges of random change in training.
        border_weight: U-Net's w0; 0 gives no sample weights. Needs instance maps.
        border_sigma: U-Net's sigma in pixels.
        max_objects: rows of the object keys, see `training.data.object_padding`.
        mask_size: cells a side of the masks that a model learns from; 0 for those of the data set.
        targets: keys of the schema that the model learns from; empty for the task's.
        seed: of everything random.
        buckets: canvas sizes of training instead of `image_size`; each image goes on the one
            whose proportions are nearest to its own, and a batch has images of one size.
        cache: `"none"`, `"memory"`, `"disk"` or `"disk:FOLDER"`, where samples are kept once they
            have been decoded, see `training.data.cache.cache_options`.
        service: address of a tf.data service whose workers make the training batches; see
            `training.data.service`.
        vocabulary: that makes `captions` of the data set's `texts`.
        max_words: of a caption; more are cut.
    """

    task: str
    image_size: tuple[int, int]
    batch_size: int = 8
    channels: int = 3
    resize: str = "letterbox"
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    border_weight: float = 0.0
    border_sigma: float = 5.0
    max_objects: int = 100
    mask_size: int = 0
    targets: tuple[str, ...] = ()
    seed: int = 0
    image_sizes: tuple[tuple[int, int], ...] = ()
    buckets: tuple[tuple[int, int], ...] = ()
    cache: str = "none"
    service: str = ""
    vocabulary: Vocabulary | None = None
    max_words: int = 15
    size_steps: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", self.targets or TASKS[self.task].targets)

    @functools.cached_property
    def encode(self) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """From sentences (N,) to token ids (N, max_words + 2)."""
        if self.vocabulary is None:
            return None
        # A table that is made inside the graph of a data set is never filled.
        with tf.init_scope():
            return self.vocabulary.encoder(self.max_words)

    def check(self, source: Source) -> None:
        """Raises InputError if the data set lacks what the task or the options need."""
        there = {*source.keys, *(["captions"] if "texts" in source.keys else [])}
        missing = [key for key in self.targets if key not in there]
        if missing:
            raise InputError(
                f"{source.spec}: the model learns from {', '.join(missing)}, which this data set "
                f"does not have; it has {', '.join(source.keys)}."
            )
        if "keypoints" in self.targets:
            self._check_joints(source)
        joint = isinstance(source, JointSource)
        if joint and ("label" not in self.targets or partners(self.augmentation)):
            raise InputError(
                f"{source.spec}: has images without boxes, which teach `zoo train yolo9000` "
                "alone, and no mosaic, mixup or copy_paste."
            )
        if joint and self.cache == "memory":
            raise InputError(f"{source.spec}: cannot be kept in memory; use cache=disk.")
        if self.border_weight and "instances" not in source.keys:
            raise InputError(
                f"{source.spec}: border weights need instance maps; use an instances: data set or "
                "set border_weight=0."
            )
        if self.service and self.cache == "memory":
            raise InputError(
                "cache=memory is this process's own, and data_service workers do not see it; use "
                "cache=disk:FOLDER with a folder that they see."
            )
        if self.channels not in (1, 3):
            raise InputError(f"channels is 1 or 3, not {self.channels}.")
        learned = (*self.targets, *(["instances"] if self.border_weight else []))
        check_keys(self.augmentation, learned, source.keys)

    def _check_joints(self, source: Source) -> None:
        """Who learns boxes learns each object's joints; the others learn one person's."""
        decode = tf.autograph.experimental.do_not_convert(source.decode)
        elements = source.raw(next(iter(source.sizes))).map(decode).element_spec
        of_objects = elements["keypoints"].shape.rank == 3
        if of_objects != ("boxes" in self.targets):
            kinds = ("of one person in an image", "of every object")
            raise InputError(
                f"{source.spec}: has the joints {kinds[of_objects]}; the model learns those "
                f"{kinds[not of_objects]}."
            )

    def size_at(self, step: tf.Tensor) -> tf.Tensor:
        """int32 number of the size of a batch, counted from the first of the run."""
        # Epochs draw from seeds whose second number is 0 or more.
        seed = tf.constant([self.seed, -1], tf.int64)
        drawn = tf.random.fold_in(seed, step // self.size_steps)
        return tf.random.stateless_uniform((), drawn, 0, len(self.image_sizes), tf.int32)

    def bucket_of(self, size: tf.Tensor) -> tf.Tensor:
        """int32 number of the bucket for an image of `size` = (2,) height and width."""
        shapes = tf.constant([math.log(width / height) for height, width in self.buckets])
        height, width = tf.unstack(tf.cast(size, tf.float32))
        return tf.argmin(tf.abs(shapes - tf.math.log(width / height)), output_type=tf.int32)
