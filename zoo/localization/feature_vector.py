"""What the models of one object share: pixels to a vector that still knows where things are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from keras import layers

from zoo.backbones import find_backbone
from zoo.backbones.feature_contract import normalize_to_unit, scaled
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.pooling_pyramids import AdaptivePooling
from zoo.layers.resize import ResizeLike

FINEST = 3
"""Level of the finest map that joints are read off."""


@dataclasses.dataclass(frozen=True)
class Body:
    """Convolutions, a fixed number of cells, dense layers.

    Attributes:
        backbone: None for DeepPose's seven-layer network, or a name of `zoo.backbones`.
        norm: of the convolutions.
        width: factor on their channels.
        cells: a side, to which the last map is pooled.
        units: of the dense layers.
        dropout: behind each of them.
        output_stride: of a backbone.
    """

    backbone: str | None
    norm: str | None
    width: float
    cells: int
    units: Sequence[int]
    dropout: float
    output_stride: int = 32

    def __post_init__(self) -> None:
        if self.cells < 1 or not 0 <= self.dropout < 1 or min(self.units, default=1) < 1:
            raise InputError("cells and units are at least 1, dropout in [0, 1).")

    def normalize(self, images):
        """Pixels 0…255 → what `vector` takes."""
        if self.backbone is None:
            return normalize_to_unit(images)
        return find_backbone(self.backbone).normalize(images)

    def vector(self, x, name: str = ""):
        """Normalised pixels (N, H, W, C) → (N, F); `name` goes before the layers' names."""
        return self.dense(self.last_map(x, name), name)

    def last_map(self, x, name: str = ""):
        """Normalised pixels (N, H, W, C) → the convolutions' last map."""
        maps = self.maps(x, name)
        return maps[max(maps)]

    def maps(self, x, name: str = "") -> dict[int, Any]:
        """Normalised pixels → {level: map}; DeepPose's network gives its last alone."""
        if self.backbone is None:
            return {4: _five_convolutions(x, self.norm, self.width, name)}
        family = find_backbone(self.backbone)
        layer = f"{name}{self.backbone}"
        return family.features(
            x, norm=self.norm, width=self.width, output_stride=self.output_stride, name=layer
        )

    def fused(self, maps: dict[int, Any], channels: int, name: str = ""):
        """What the maps from level 3 on say together, on the cells of the finest of them."""
        levels = [level for level in sorted(maps) if level >= FINEST]
        joined: list[Any] = []
        for level in levels:
            x = layers.Conv2D(channels, 1, name=f"{name}lateral{level}")(maps[level])
            if level > levels[0]:
                x = ResizeLike(name=f"{name}raised{level}")([x, joined[0]])
            joined.append(x)
        x = layers.Add(name=f"{name}fused")(joined) if len(joined) > 1 else joined[0]
        return conv_block(x, channels, 3, norm=self.norm, activation="relu", name=f"{name}fuse")

    def dense(self, x, name: str = ""):
        """The last map → (N, F)."""
        mode = "max" if self.backbone is None else "mean"
        x = AdaptivePooling(self.cells, mode, name=f"{name}cells")(x)
        x = layers.Flatten(name=f"{name}flatten")(x)
        for number, count in enumerate(self.units, start=6):
            x = layers.Dense(
                count, "relu", kernel_initializer="he_normal", name=f"{name}fc{number}"
            )(x)
            x = layers.Dropout(self.dropout, name=f"{name}drop{number}")(x)
        return x


def _five_convolutions(x, norm: str | None, width: float, name: str):
    """220×220 → 55×55×96, 27×27×256, 13×13×384, 13×13×384, 13×13×256 (DeepPose's table).

    A pool of 6×6 cells behind it is, on 13×13, the 3×3 pool of stride 2 that the network has.
    """
    for number, (filters, size, stride) in enumerate(
        ((96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (256, 3, 1)), start=1
    ):
        x = layers.Conv2D(
            scaled(filters, width),
            size,
            strides=stride,
            padding="same",
            use_bias=not normalizes(norm),
            kernel_initializer="he_normal",
            name=f"{name}conv{number}",
        )(x)
        x = normalization(norm, name=f"{name}norm{number}")(x)
        x = layers.Activation("relu", name=f"{name}relu{number}")(x)
        if number <= 2:
            x = layers.MaxPooling2D(3, strides=2, name=f"{name}pool{number}")(x)
    return x
