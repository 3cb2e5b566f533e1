"""Feature extractor of the models for one object: an image to a vector that preserves position."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras import layers

from zoo.argument_checks import check_dropout, check_minimum
from zoo.backbones import find_backbone
from zoo.backbones.backbone import conv_norm, normalize_to_unit, scaled
from zoo.layers.conv_blocks import conv_block
from zoo.layers.pooling_pyramids import AdaptivePooling
from zoo.layers.resize import ResizeLike


@dataclasses.dataclass(frozen=True)
class FeatureExtractor:
    """Convolutions, pooling to a fixed number of cells, dense layers; see `pose_regressor`."""

    backbone: str | None
    norm: str
    width: float
    cells: int
    hidden_units: int
    hidden_layers: int
    dropout: float
    output_stride: int = 32

    def __post_init__(self) -> None:
        check_minimum(1, cells=self.cells, hidden_units=self.hidden_units)
        check_minimum(0, hidden_layers=self.hidden_layers)
        check_dropout(self.dropout)

    def normalize(self, images):
        """Normalizes pixels in [0, 255] for the other methods."""
        if self.backbone is None:
            return normalize_to_unit(images)
        return find_backbone(self.backbone).normalize(images)

    def feature_vector(self, x, prefix: str = ""):
        """Returns features (N, F) of normalized images (N, H, W, C); `prefix` is of layer names."""
        return self.dense(self.last_map(x, prefix), prefix)

    def last_map(self, x, prefix: str = ""):
        """Returns the last feature map of normalized images (N, H, W, C)."""
        maps = self.feature_maps(x, prefix)
        return maps[max(maps)]

    def feature_maps(self, x, prefix: str = "") -> dict[int, Any]:
        """Returns {level: feature map} of normalized images; DeepPose's network has one level."""
        if self.backbone is None:
            return {4: _deep_pose_convolutions(x, self.norm, self.width, prefix)}
        family = find_backbone(self.backbone)
        return family.features(
            x,
            norm=self.norm,
            width=self.width,
            output_stride=self.output_stride,
            name=f"{prefix}{self.backbone}",
        )

    def fused_map(self, maps: dict[int, Any], filters: int):
        """Returns the sum of the maps from level 3 upwards, at the resolution of the finest."""
        levels = [level for level in sorted(maps) if level >= 3]
        laterals: list[Any] = []
        for level in levels:
            x = layers.Conv2D(filters, 1, name=f"lateral{level}")(maps[level])
            if laterals:
                x = ResizeLike(name=f"upsampled{level}")([x, laterals[0]])
            laterals.append(x)
        x = layers.Add(name="fused")(laterals) if len(laterals) > 1 else laterals[0]
        return conv_block(x, filters, 3, norm=self.norm, activation="relu", name="fuse")

    def dense(self, x, prefix: str = ""):
        """Returns the features (N, F) of the last feature map."""
        mode = "max" if self.backbone is None else "mean"
        x = AdaptivePooling(self.cells, mode, name=f"{prefix}cells")(x)
        x = layers.Flatten(name=f"{prefix}flatten")(x)
        for number in range(6, 6 + self.hidden_layers):
            x = layers.Dense(
                self.hidden_units,
                "relu",
                kernel_initializer="he_normal",
                name=f"{prefix}fc{number}",
            )(x)
            x = layers.Dropout(self.dropout, name=f"{prefix}drop{number}")(x)
        return x


def _deep_pose_convolutions(x, norm: str, width: float, prefix: str):
    """220×220 → 55×55×96, 27×27×256, 13×13×384, 13×13×384, 13×13×256 (the paper's table).

    Pooling 13×13 to 6×6 cells equals the network's last pooling of 3×3 with stride 2.
    """
    for number, (filters, size, stride) in enumerate(
        ((96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1)), start=1
    ):
        layer = f"{prefix}conv{number}"
        x = conv_norm(
            x,
            scaled(filters, width),
            size,
            stride=stride,
            norm=norm,
            activation="relu",
            conv_name=layer,
        )
        if number <= 2:
            x = layers.MaxPooling2D(3, strides=2, name=f"{prefix}pool{number}")(x)
    return x
