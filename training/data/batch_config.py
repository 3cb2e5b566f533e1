"""The configuration of batches."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

import zoo
from training.data.augment.augmentation import RESIZE_RULES, Augmentation
from training.data.data_service import check_address
from training.data.sources import JointSource, Source
from training.data.value_checks import check_cache, check_number, check_size, check_sizes
from training.data.vocabulary import Vocabulary
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.tasks import TASKS


def serving_resize(resize: str) -> str:
    """Returns the resize rule for prediction; a model trained on crops runs at native size."""
    return "native" if resize == "crop" else resize


@dataclasses.dataclass(frozen=True)
class BatchConfig:
    """Configuration of the batches of a data set.

    Attributes:
        task: name of the task, which determines the targets; empty in a recipe, where the
            architecture determines it.
        image_size: height and width of the model input in pixels.
        batch_size: images per batch.
        channels: 3 for color, 1 for grey.
        resize: resize rule: `"letterbox"` (keeps the aspect ratio and pads), `"stretch"` or
            `"crop"` (a window at the original scale).
        augmentation: ranges of random augmentation in training.
        border_weight: w0 of U-Net's border weights, for data sets with instance maps; 0 disables
            them.
        border_sigma: sigma of U-Net's border weights in pixels.
        max_objects: objects per image; further ones are dropped.
        mask_size: cells per side of the objects' target masks; 0 for those of the data set.
        targets: keys of the sample schema that the model is trained on; empty for the task's.
        seed: seed of all random numbers.
        image_sizes: model input sizes in training, one per epoch in turn, for networks that take
            any size; empty for `image_size` alone. Validation and prediction use `image_size`.
        buckets: model input sizes in training instead of `image_size`; an image is resized to the
            one nearest to its aspect ratio, and a batch has images of one size.
        cache: cache of decoded samples: `"none"`, `"memory"`, `"disk"` or `"disk:FOLDER"`, see
            `training.data.cache`.
        data_service: address of a tf.data service that makes the training batches, such as
            `grpc://10.0.0.7:5050`, see `training.data.data_service`; empty for this process.
        vocabulary: vocabulary that encodes the data set's `texts` as `captions`.
        max_words: words per caption; further ones are dropped.
        size_steps: batches after which one of `image_sizes` is drawn at random (10 in YOLOv2); 0
            takes them in turn instead, one per epoch.
    """

    task: str = ""
    image_size: tuple[int, int] = (256, 256)
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
    data_service: str = ""
    vocabulary: Vocabulary | None = None
    max_words: int = 15
    size_steps: int = 0

    def __post_init__(self) -> None:
        if self.task and not self.targets:
            object.__setattr__(self, "targets", TASKS[self.task].targets)
        check_choice("resize", self.resize, RESIZE_RULES)
        check_choice("channels", self.channels, (1, 3))
        for key in ("batch_size", "max_objects"):
            check_number(key, getattr(self, key), positive=True, whole=True)
        for key in ("seed", "mask_size", "size_steps"):
            check_number(key, getattr(self, key), whole=True)
        check_number("border_sigma", self.border_sigma, positive=True)
        check_number("border_weight", self.border_weight)
        check_cache(self.cache)
        check_address(self.data_service)
        if not isinstance(self.augmentation, Augmentation):
            raise InputError(f"augmentation must be an Augmentation, not {self.augmentation!r}.")
        object.__setattr__(self, "image_size", check_size("image_size", self.image_size))
        for key in ("image_sizes", "buckets"):
            object.__setattr__(self, key, check_sizes(key, getattr(self, key)))
        if self.image_sizes and self.buckets:
            raise InputError("image_sizes and buckets exclude each other; give one.")
        if self.size_steps and (not self.image_sizes or self.data_service):
            raise InputError(
                "size_steps needs image_sizes to draw from, and no data_service, which does not "
                "preserve the order of images."
            )

    @functools.cached_property
    def encode_captions(self) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """The function from captions (N,) to token ids (N, max_words + 2) of the vocabulary."""
        return None if self.vocabulary is None else self.vocabulary.encoder(self.max_words)

    def check(self, source: Source) -> None:
        """Raises InputError if a data set lacks a target, or does not suit an option.

        The data set adds the targets that it can derive, see `Source.provide`.
        """
        source.provide(self.targets)
        keys = {*source.keys, *(["captions"] if "texts" in source.keys else [])}
        missing = [key for key in self.targets if key not in keys]
        if missing:
            raise InputError(
                f"{source.spec}: the data set has no {', '.join(missing)}, which the model is "
                f"trained on; it has {', '.join(source.keys)}."
            )
        if "keypoints" in self.targets:
            self._check_keypoints(source)
        joint = isinstance(source, JointSource)
        if joint and ("label" not in self.targets or self.augmentation.mixes):
            models = [name for name in zoo.list_models() if zoo.card(name).joint_targets]
            raise InputError(
                f"{source.spec}: images without boxes are for models with joint targets "
                f"({', '.join(models)}), without mosaic, mixup and copy_paste."
            )
        if joint and self.cache == "memory":
            raise InputError(f"{source.spec}: cache=memory is not supported; use cache=disk.")
        if self.border_weight and "instances" not in source.keys:
            raise InputError(
                f"{source.spec}: border weights need instance maps; use an instances: data set or "
                "set border_weight=0."
            )
        if self.data_service and self.cache == "memory":
            raise InputError(
                "cache=memory is local to this process and not visible to data_service workers; "
                "use cache=disk:FOLDER with a shared folder."
            )
        used = (*self.targets, *(["instances"] if self.border_weight else []))
        self.augmentation.check_keys(used, source.keys)

    def _check_keypoints(self, source: Source) -> None:
        """Checks for keypoints per object where boxes are trained on, else per image."""
        decode = tf.autograph.experimental.do_not_convert(source.decode)
        elements = source.raw(next(iter(source.sizes))).map(decode).element_spec
        per_object = elements["keypoints"].shape.rank == 3
        if per_object != ("boxes" in self.targets):
            kinds = ("per image", "per object")
            raise InputError(
                f"{source.spec}: the data set has keypoints {kinds[per_object]}; the model needs "
                f"keypoints {kinds[not per_object]}."
            )
