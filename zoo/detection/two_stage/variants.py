"""The published forms of Faster R-CNN and Mask R-CNN: VGG16, FPN and C4."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.detection.two_stage.roi_sampling import RoiSampling

RATIOS = (0.5, 1.0, 2.0)


@dataclasses.dataclass(frozen=True)
class Variant:
    """The numbers of a published form.

    Sizes are in pixels of the model input; pairs are `(train, predict)`. Several `levels` get a
    feature pyramid with one anchor size per level. `pair` is for two scores per anchor; see
    `RegionProposals`, `RoiSampling` and `AnchorGenerator` for the others.
    """

    levels: tuple[int, ...]
    pooling: str
    filters: int
    hidden_units: int
    dropout: float
    anchor_convention: str
    anchor_sizes: tuple[float, ...]
    before_nms: tuple[int, int]
    proposals: tuple[int, int]
    min_size: float
    inside_only: bool
    pair: bool
    rois_per_image: int
    background_iou: float
    beta: float
    nms_iou: float

    @property
    def pyramid(self) -> bool:
        """Whether there is a feature pyramid."""
        return len(self.levels) > 1

    @property
    def sampling(self) -> RoiSampling:
        """Sampling of RoIs in training."""
        return RoiSampling(self.rois_per_image, background_iou=self.background_iou)

    def changed(self, **values: Any) -> Variant:
        """Returns a copy with the values that are not None."""
        replaced: dict[str, Any] = {
            key: tuple(value) if isinstance(value, (list, tuple)) else value
            for key, value in values.items()
            if value is not None
        }
        return dataclasses.replace(self, **replaced)


FC = Variant(
    levels=(4,),
    pooling="pool",
    filters=512,
    hidden_units=4096,
    dropout=0.5,
    anchor_convention="base16",
    anchor_sizes=(128, 256, 512),
    before_nms=(12000, 6000),
    proposals=(2000, 300),
    min_size=16.0,
    inside_only=True,
    pair=True,
    rois_per_image=128,
    background_iou=0.1,
    beta=1.0,
    nms_iou=0.3,
)
"""One feature map of VGG16, RoIPool, fc6 and fc7, as in the Faster R-CNN paper."""

FPN = Variant(
    levels=(2, 3, 4, 5),
    pooling="align",
    filters=256,
    hidden_units=1024,
    dropout=0.0,
    anchor_convention="rounded",
    anchor_sizes=(32, 64, 128, 256, 512),
    before_nms=(2000, 1000),
    proposals=(2000, 1000),
    min_size=0.0,
    inside_only=False,
    pair=False,
    rois_per_image=512,
    background_iou=0.0,
    beta=1 / 9,
    nms_iou=0.5,
)
"""ResNet with a feature pyramid, RoIAlign and two dense layers, as the public models."""

C4 = dataclasses.replace(
    FPN,
    levels=(4,),
    filters=1024,
    before_nms=(12000, 6000),
    proposals=(2000, 300),
    rois_per_image=64,
)
"""One feature map of ResNet, RoIAlign, and ResNet's last stage as the head."""

VARIANTS = {"fc": FC, "fpn": FPN, "c4": C4}
