"""The single door to keras-cv: backbones the zoo has none of, behind the zoo's contract.

keras-cv is deprecated upstream and slow to import, so it is imported here only, and only when a
backbone is built. Its presets contact a hub even without weights; the architectures are therefore
spelled out here and weights are fetched only when asked for.
"""

from __future__ import annotations

from typing import Any

from zoo.backbones.adapter import apply_foreign
from zoo.backbones.feature_contract import normalize_pixels, normalize_to_unit, scaled
from zoo.errors import InputError

# Name -> class in keras_cv.models, and its arguments.
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet18": ("ResNetBackbone", {"stackwise_blocks": [2, 2, 2, 2]}),
    "resnet34": ("ResNetBackbone", {"stackwise_blocks": [3, 4, 6, 3]}),
    "csp_darknet_tiny": (
        "CSPDarkNetBackbone",
        {"stackwise_channels": [48, 96, 192, 384], "stackwise_depth": [1, 3, 3, 1]},
    ),
    "csp_darknet_s": (
        "CSPDarkNetBackbone",
        {"stackwise_channels": [64, 128, 256, 512], "stackwise_depth": [1, 3, 3, 1]},
    ),
    "csp_darknet_m": (
        "CSPDarkNetBackbone",
        {"stackwise_channels": [96, 192, 384, 768], "stackwise_depth": [2, 6, 6, 2]},
    ),
    "csp_darknet_l": (
        "CSPDarkNetBackbone",
        {"stackwise_channels": [128, 256, 512, 1024], "stackwise_depth": [3, 9, 9, 3]},
    ),
}
_RESNET = {
    "stackwise_filters": [64, 128, 256, 512],
    "stackwise_strides": [1, 2, 2, 2],
    "block_type": "basic_block",
}


def features(
    x, name: str, *, preset: str | None = None, norm: str | None = "batch", width: float = 1.0
) -> dict[int, object]:
    """{level: map} of a keras-cv backbone, as one nested model; levels 2...5.

    Args:
        x: pixels from 0 to 1 (N, H, W, C), as `normalize` gives them.
        name: one of `ARCHITECTURES`.
        preset: a keras-cv preset with weights, e.g. "resnet18_imagenet", fetched by keras-cv.
        norm: "batch", "frozen" or "sync".
        width: factor on the channels, of csp_darknet without preset only.

    Raises:
        InputError: for an unknown name, a missing keras-cv, or a policy it cannot follow.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"backbone {name!r} is not taken from keras-cv; there are {known}")
    if preset is not None and width != 1.0:
        raise InputError(f"preset {preset!r} has one width; use width=1")
    kind, arguments = ARCHITECTURES[name]
    if kind == "ResNetBackbone" and width != 1.0:
        raise InputError(f"keras-cv's {name} has one width; use width=1")
    models = _keras_cv_models()
    build = getattr(models, kind)
    shape = (None, None, x.shape[-1])
    if preset is not None:
        model = build.from_preset(preset, include_rescaling=False, input_shape=shape)
    else:
        arguments = arguments | (_RESNET if kind == "ResNetBackbone" else {})
        model = build(include_rescaling=False, input_shape=shape, **_narrow(arguments, width))
    levels = {int(level[1:]): layer for level, layer in model.pyramid_level_inputs.items()}
    return apply_foreign(model, levels, x, norm, f"keras_cv_{name}")


def normalize(x):
    """RGB 0...255 -> 0...1; other channel counts -> -1...1."""
    return normalize_pixels(x, 0.0, 255.0) if x.shape[-1] == 3 else normalize_to_unit(x)


def _narrow(arguments: dict[str, Any], width: float) -> dict[str, Any]:
    wide = ("stackwise_filters", "stackwise_channels")
    return {
        key: [scaled(channels, width) for channels in value] if key in wide else value
        for key, value in arguments.items()
    }


def _keras_cv_models():
    try:
        import keras_cv
    except ImportError as error:
        raise InputError("this backbone needs keras-cv; install it with pip") from error
    return keras_cv.models
