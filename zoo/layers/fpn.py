"""Feature pyramid (Lin et al., *Feature Pyramid Networks*, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Mapping

from keras import layers

from zoo.layers.resize import ResizeLike


def feature_pyramid(
    maps: Mapping[int, object], filters: int = 256, *, extra: bool = True, name: str = "fpn"
) -> dict[int, object]:
    """Returns {level: map (B, H / 2^level, W / 2^level, filters)} of a feature pyramid.

    The 1×1 convolution of each map is added to the upsampled map of the level above; a 3×3
    convolution follows. With `extra` there is one more level, the highest one subsampled by 2.
    """
    pyramid: dict[int, object] = {}
    above = None
    for level in sorted(maps, reverse=True):
        x = layers.Conv2D(filters, 1, name=f"{name}_inner{level}")(maps[level])
        if above is not None:
            enlarged = ResizeLike("nearest", name=f"{name}_enlarge{level}")([above, x])
            x = layers.Add(name=f"{name}_add{level}")([x, enlarged])
        above = x
        pyramid[level] = layers.Conv2D(filters, 3, padding="same", name=f"{name}_layer{level}")(x)
    if extra:
        top = max(pyramid)
        pool = layers.MaxPooling2D(1, strides=2, padding="same", name=f"{name}_pool{top + 1}")
        pyramid[top + 1] = pool(pyramid[top])
    return dict(sorted(pyramid.items()))
