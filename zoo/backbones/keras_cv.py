"""The convolutional networks of KerasCV as backbones, `"keras_cv:NAME"`.

KerasCV is deprecated upstream and slow to import, so it is imported here only, when a network is
built. Its presets contact a hub even without weights; the architectures are therefore listed here.
Its transformers need one fixed image size and are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras

from zoo.backbones.backbone import Backbone, normalize_to_fraction, scaled
from zoo.backbones.foreign_backbones import PROBE_SIZE, foreign_backbone
from zoo.errors import InputError

Architecture = tuple[str, dict[str, Any]]
"""Name of a class in `keras_cv.models`, and its arguments."""


def _resnet(version: str, blocks: Sequence[int], block_type: str = "block") -> Architecture:
    return f"ResNet{version}Backbone", {
        "stackwise_filters": [64, 128, 256, 512],
        "stackwise_blocks": list(blocks),
        "stackwise_strides": [1, 2, 2, 2],
        "block_type": block_type,
    }


def _csp_darknet(channels: int, depth: int) -> Architecture:
    return "CSPDarkNetBackbone", {
        "stackwise_channels": [channels, 2 * channels, 4 * channels, 8 * channels],
        "stackwise_depth": [depth, 3 * depth, 3 * depth, depth],
    }


def _efficientnet(kind: str, width: float, depth: float, **arguments: Any) -> Architecture:
    return f"EfficientNet{kind}Backbone", {
        "width_coefficient": width,
        "depth_coefficient": depth,
        "stackwise_kernel_sizes": [3, 3, 5, 3, 5, 5, 3],
        "stackwise_num_repeats": [1, 2, 2, 3, 3, 4, 1],
        "stackwise_input_filters": [32, 16, 24, 40, 80, 112, 192],
        "stackwise_output_filters": [16, 24, 40, 80, 112, 192, 320],
        "stackwise_expansion_ratios": [1, 6, 6, 6, 6, 6, 6],
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1],
        **arguments,
    }


def _efficientnet_v2(
    stem: int, filters: Sequence[int], repeats: Sequence[int], width: float = 1, depth: float = 1
) -> Architecture:
    stages = len(filters)
    return "EfficientNetV2Backbone", {
        "width_coefficient": width,
        "depth_coefficient": depth,
        "stackwise_kernel_sizes": [3] * stages,
        "stackwise_num_repeats": list(repeats),
        "stackwise_input_filters": [stem, *filters[:-1]],
        "stackwise_output_filters": list(filters),
        "stackwise_expansion_ratios": [1, 4, 4, 4, 6, 6, 6][:stages],
        "stackwise_squeeze_and_excite_ratios": [0, 0, 0, 0.25, 0.25, 0.25, 0.25][:stages],
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1][:stages],
        "stackwise_conv_types": ["fused"] * 3 + ["unfused"] * (stages - 3),
    }


def _mobilenet_v3(rows: Sequence[tuple[float, int, int, int, float | None, str]]) -> Architecture:
    names = ("expansion", "filters", "kernel_size", "stride", "se_ratio", "activation")
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return "MobileNetV3Backbone", {f"stackwise_{name}": list(column) for name, column in columns}


_DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_SHALLOW_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_SCALES = (
    (1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1),
)  # fmt: skip
_V2_FILTERS, _V2_REPEATS = (16, 32, 48, 96, 112, 192), (1, 2, 2, 3, 5, 8)

ARCHITECTURES: dict[str, Architecture] = {
    **{f"resnet{n}": _resnet("", b, "basic_block") for n, b in _SHALLOW_DEPTHS.items()},
    **{f"resnet{n}": _resnet("", b) for n, b in _DEPTHS.items()},
    **{f"resnet{n}_v2": _resnet("V2", b, "basic_block") for n, b in _SHALLOW_DEPTHS.items()},
    **{f"resnet{n}_v2": _resnet("V2", b) for n, b in _DEPTHS.items()},
    "csp_darknet_tiny": _csp_darknet(48, 1),
    "csp_darknet_s": _csp_darknet(64, 1),
    "csp_darknet_m": _csp_darknet(96, 2),
    "csp_darknet_l": _csp_darknet(128, 3),
    "csp_darknet_xl": _csp_darknet(170, 4),
    "densenet121": ("DenseNetBackbone", {"stackwise_num_repeats": [6, 12, 24, 16]}),
    "densenet169": ("DenseNetBackbone", {"stackwise_num_repeats": [6, 12, 32, 32]}),
    "densenet201": ("DenseNetBackbone", {"stackwise_num_repeats": [6, 12, 48, 32]}),
    **{
        f"efficientnetv1_b{n}": _efficientnet(
            "V1", *scale, stackwise_squeeze_and_excite_ratios=[0.25] * 7
        )
        for n, scale in enumerate(_SCALES)
    },
    **{f"efficientnetlite_b{n}": _efficientnet("Lite", *s) for n, s in enumerate(_SCALES[:5])},
    **{
        f"efficientnetv2_b{n}": _efficientnet_v2(32, _V2_FILTERS, _V2_REPEATS, *scale)
        for n, scale in enumerate(_SCALES[:4])
    },
    "efficientnetv2_s": _efficientnet_v2(24, (24, 48, 64, 128, 160, 256), (2, 4, 4, 6, 9, 15)),
    "efficientnetv2_m": _efficientnet_v2(
        24, (24, 48, 80, 160, 176, 304, 512), (3, 5, 5, 7, 14, 18, 5)
    ),
    "efficientnetv2_l": _efficientnet_v2(
        32, (32, 64, 96, 192, 224, 384, 640), (4, 7, 7, 10, 19, 25, 7)
    ),
    "mobilenet_v3_small": _mobilenet_v3(
        [
            (1, 16, 3, 2, 0.25, "relu"),
            (72 / 16, 24, 3, 2, None, "relu"),
            (88 / 24, 24, 3, 1, None, "relu"),
            (4, 40, 5, 2, 0.25, "hard_swish"),
            *[(6, 40, 5, 1, 0.25, "hard_swish")] * 2,
            *[(3, 48, 5, 1, 0.25, "hard_swish")] * 2,
            (6, 96, 5, 2, 0.25, "hard_swish"),
            *[(6, 96, 5, 1, 0.25, "hard_swish")] * 2,
        ]
    ),
    "mobilenet_v3_large": _mobilenet_v3(
        [
            (1, 16, 3, 1, None, "relu"),
            (4, 24, 3, 2, None, "relu"),
            (3, 24, 3, 1, None, "relu"),
            (3, 40, 5, 2, 0.25, "relu"),
            *[(3, 40, 5, 1, 0.25, "relu")] * 2,
            (6, 80, 3, 2, None, "hard_swish"),
            (2.5, 80, 3, 1, None, "hard_swish"),
            *[(2.3, 80, 3, 1, None, "hard_swish")] * 2,
            *[(6, 112, 3, 1, 0.25, "hard_swish")] * 2,
            (6, 160, 5, 2, 0.25, "hard_swish"),
            *[(6, 160, 5, 1, 0.25, "hard_swish")] * 2,
        ]
    ),
}


def list_networks() -> list[str]:
    """Returns the names of the networks of KerasCV that are backbones here."""
    return list(ARCHITECTURES)


def backbone(network: str) -> Backbone:
    """Returns the backbone of a network of KerasCV."""
    build, levels = functools.partial(_build, network), (1, 2, 3, 4, 5)
    # The first layer of CSPDarkNet moves every 2×2 pixels into the channels.
    divisor = 2 if ARCHITECTURES[network][0] == "CSPDarkNetBackbone" else 1
    return foreign_backbone(f"keras_cv:{network}", build, normalize_to_fraction, levels, divisor)


def _build(network: str, *, channels: int, width: float, weights: str | None) -> keras.Model:
    kind, arguments = ARCHITECTURES[network]
    if width != 1:
        arguments = arguments | _narrowed(arguments, width)
    try:
        import keras_cv
    except ImportError as error:
        raise InputError("this backbone needs KerasCV: pip install keras-cv.") from error
    build = getattr(keras_cv.models, kind)
    shape = (PROBE_SIZE, PROBE_SIZE, channels)
    if weights is None:
        return build(include_rescaling=False, input_shape=shape, **arguments)
    preset = f"{network}_{weights}"
    if preset not in build.presets:
        available = ", ".join(build.presets_with_weights) or "none"
        raise InputError(
            f"KerasCV has no weights {weights!r} of {network}. Available presets: {available}."
        )
    return build.from_preset(preset, include_rescaling=False, input_shape=shape)


def _narrowed(arguments: dict[str, Any], width: float) -> dict[str, Any]:
    """The arguments that a width multiplier changes."""
    if "stackwise_channels" in arguments:
        return {"stackwise_channels": [scaled(n, width) for n in arguments["stackwise_channels"]]}
    if "width_coefficient" in arguments:
        return {"width_coefficient": arguments["width_coefficient"] * width}
    if "stackwise_se_ratio" in arguments:
        return {"alpha": width}
    raise InputError(f"width must be 1, not {width!r}.")
