"""Feature maps of one size from RoIs of any size: RoIPool and RoIAlign."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.layers.roi_align import roi_align
from zoo.layers.roi_pool import roi_pool

POOLINGS = ("pool", "align")


@dataclasses.dataclass(frozen=True)
class RoiPooler:
    """Pools RoIs to maps of `size` cells per side, by RoIAlign or by RoIPool (`pooling="pool"`)."""

    size: int
    pooling: str = "align"
    sampling_ratio: int = 2
    aligned: bool = False

    def __call__(self, maps: Mapping[int, Any], boxes):
        """Returns (B·R, size, size, C) for maps (B, h, w, C) by level and boxes (B, R, 4)."""
        if self.pooling == "pool":
            ((level, single),) = maps.items()
            pooled = roi_pool(single, boxes, self.size, 2**level)
        else:
            pooled = roi_align(
                maps, boxes, self.size, sampling_ratio=self.sampling_ratio, aligned=self.aligned
            )
        return ops.reshape(pooled, (-1, *pooled.shape[2:]))


def maps_by_level(outputs: Mapping[str, Any]) -> dict[int, Any]:
    """Returns the feature maps among a model's outputs `p0`, `p1`, … by level."""
    return {int(key[1:]): value for key, value in outputs.items() if key[1:].isdecimal()}
