"""The embedded scenes as the TFDS data set `zoo_shapes`.

Importing this module registers it; `tfds.load("zoo_shapes/scenes", data_dir=...)` then draws and
stores it on first use. Nothing is downloaded and no network is needed.
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
"""Number of the first scene of each split; so no count makes two splits share a scene."""


@dataclasses.dataclass(eq=False)
class ShapesConfig(tfds.core.BuilderConfig):
    """What to draw.

    Attributes:
        size: (H, W) in pixels, each at least 32.
        seed: integer ≥ 0.
        variant: `scene`, `single` or `figure`, as `draw_scene` takes it.
        train, validation, test: number of scenes in each split, each at least 1.
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
                raise ValueError(f"split {split} needs at least 1 scene, got {count}")
        draw_scene(self.seed, 0, self.size, self.variant)  # refuses what cannot be drawn

    def counts(self) -> dict[str, int]:
        """Scenes in each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class ZooShapes(tfds.core.GeneratorBasedBuilder):
    """Drawn scenes with image class, box, class map, instances, poses and captions.

    Boxes are `xyxy` in pixels. `label` and `box` hold the only object and are −1 and zeros where
    there is not exactly one. `index` is the scene's number for `draw_scene`.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.1.0": "Captions name a neighbour only where it reaches into the region.",
    }
    # TFDS finds this through importlib_resources, which it does not list as a requirement.
    code_path = epath.Path(__file__)
    BUILDER_CONFIGS: ClassVar[list[ShapesConfig]] = [
        ShapesConfig(name="scenes", description="Up to six objects, 128×128."),
        ShapesConfig(name="scenes_256", description="Up to six objects, 256×256.", size=(256, 256)),
        ShapesConfig(
            name="scenes_6000",
            description="Up to six objects, 128×128; for what 1200 scenes cannot teach.",
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
        """Draws and stores the scenes; never looks for a prepared copy on the network."""
        config = download_config or tfds.download.DownloadConfig()
        config = dataclasses.replace(config, try_download_gcs=False)
        super().download_and_prepare(download_dir=download_dir, download_config=config, **options)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager
        counts = self.builder_config.counts()
        return {
            split: self._generate_examples(FIRST_INDEX[split], count)
            for split, count in counts.items()
        }

    def _generate_examples(self, first: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        for index in range(first, first + count):
            scene = draw_scene(config.seed, index, config.size, config.variant)
            yield index, _example(index, scene)


def _example(index: int, scene: Scene) -> dict[str, Any]:
    """One scene in the shape of the features."""
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
    """An image or map as a PNG file; TFDS's own encoder takes about four times as long."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    file.seek(0)
    return file
