"""The shapes data set as the TFDS data set `zoo_shapes`.

Importing this module registers it; `tfds.load("zoo_shapes/scenes", data_dir=...)` then generates
and stores it at the first use, without any download.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from training.data.shapes.figure_poses import JOINTS, POSES
from training.data.shapes.scene import Scene, draw_scene
from training.data.shapes.scene_objects import CLASSES, COLORS

FIRST_INDEX = {"train": 0, "validation": 1_000_000_000, "test": 2_000_000_000}
"""Index of the first scene of each split, so that splits of any size are disjoint."""


@dataclasses.dataclass(eq=False)
class ShapesConfig(tfds.core.BuilderConfig):
    """Configuration of the scenes.

    Attributes:
        size: height and width in pixels, each at least 32.
        seed: seed of the scenes, at least 0.
        variant: `scene`, `single` or `figure`, see `draw_scene`.
        train: number of training scenes, at least 1.
        validation: number of validation scenes, at least 1.
        test: number of test scenes, at least 1.
    """

    size: tuple[int, int] = (128, 128)
    seed: int = 0
    variant: str = "scene"
    train: int = 1200
    validation: int = 200
    test: int = 200

    def __post_init__(self) -> None:
        for split, count in self.counts().items():
            if count < 1:
                raise ValueError(f"{split} must be at least 1 scene, not {count}.")
        draw_scene(self.seed, 0, self.size, self.variant)  # raises on wrong values

    def counts(self) -> dict[str, int]:
        """Returns the number of scenes by split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class ZooShapes(tfds.core.GeneratorBasedBuilder):
    """Generated scenes with image class, box, segmentation, instances, poses and captions.

    Boxes are `xyxy` in pixels. `label` and `box` are those of the single object, −1 and zeros if
    there is not exactly one. `index` is the index of the scene for `draw_scene`.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.1.0": "Captions name a neighbor only where it reaches into the region."
    }
    # TFDS finds this through importlib_resources, which it does not list as a requirement.
    code_path = epath.Path(__file__)
    BUILDER_CONFIGS: ClassVar[list[ShapesConfig]] = [
        ShapesConfig(name="scenes", description="Up to six objects, 128×128."),
        ShapesConfig(name="scenes_256", description="Up to six objects, 256×256.", size=(256, 256)),
        ShapesConfig(
            name="scenes_6000",
            description="Up to six objects, 128×128, five times as many scenes.",
            train=6000,
        ),
        ShapesConfig(name="single", description="One object, 128×128.", variant="single"),
        ShapesConfig(name="figures", description="One stick figure, 128×128.", variant="figure"),
    ]
    DEFAULT_CONFIG_NAME = "scenes"

    def _info(self) -> tfds.core.DatasetInfo:
        height, width = self.builder_config.size
        image = tfds.features.Image
        pixels = {"encoding_format": "png"}
        objects = {
            "bbox": tfds.features.Tensor(shape=(4,), dtype=np.float32),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "pose": tfds.features.ClassLabel(names=POSES),
            "color": tfds.features.ClassLabel(names=list(COLORS)),
            "keypoints": tfds.features.Tensor(shape=(len(JOINTS), 3), dtype=np.float32),
            "caption": tfds.features.Text(),
        }
        features = {
            "index": tfds.features.Scalar(dtype=np.int64),
            "image": image(shape=(height, width, 3), **pixels),
            "segmentation": image(shape=(height, width, 1), **pixels),
            "instances": image(shape=(height, width, 1), dtype=np.uint16, **pixels),
            "objects": tfds.features.Sequence(objects),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(features),
        )

    def download_and_prepare(
        self,
        *,
        download_dir: Any = None,
        download_config: tfds.download.DownloadConfig | None = None,
        **options: Any,
    ) -> None:
        """Generates and stores the scenes, without looking for a prepared copy on the network."""
        config = download_config or tfds.download.DownloadConfig()
        config = dataclasses.replace(config, try_download_gcs=False)
        super().download_and_prepare(download_dir=download_dir, download_config=config, **options)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager
        counts = self.builder_config.counts()
        return {s: self._generate_examples(FIRST_INDEX[s], n) for s, n in counts.items()}

    def _generate_examples(self, first: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        for index in range(first, first + count):
            scene = draw_scene(config.seed, index, config.size, config.variant)
            yield index, _example(index, scene)


def _example(index: int, scene: Scene) -> dict[str, Any]:
    """Returns the features of a scene."""
    objects = {
        "bbox": scene.boxes,
        "label": scene.labels,
        "pose": scene.poses,
        "color": scene.colors,
        "keypoints": scene.keypoints,
        "caption": scene.captions,
    }
    return {
        "index": index,
        "image": _png(scene.image),
        "segmentation": _png(scene.segmentation.astype(np.uint8)),
        "instances": _png(scene.instances),
        "objects": objects,
        "label": scene.label,
        "box": scene.box,
    }


def _png(pixels: np.ndarray) -> io.BytesIO:
    """Encodes an image or map as PNG, about four times as fast as TFDS."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    file.seek(0)
    return file
