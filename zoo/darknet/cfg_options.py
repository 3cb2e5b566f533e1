"""Sections of `.cfg` files: their options, defaults and ranges."""

from __future__ import annotations

from typing import Any

from zoo.errors import InputError

Number = int | float
REQUIRED = object()
"""Default of an option without a default."""

INT, FLOAT, TEXT, FLAG, INTS, FLOATS = "int", "float", "text", "flag", "ints", "floats"

ALIASES = {
    "network": "net",
    "conv": "convolutional",
    "conn": "connected",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
}

KINDS: dict[str, dict[str, tuple[str, Any]]] = {
    "net": {"width": (INT, REQUIRED), "height": (INT, REQUIRED), "channels": (INT, 3)},
    "convolutional": {
        "batch_normalize": (FLAG, 0),
        "filters": (INT, 1),
        "size": (INT, 1),
        "stride": (INT, 1),
        "pad": (FLAG, 0),
        "padding": (INT, 0),
        "groups": (INT, 1),
        "activation": (TEXT, "logistic"),
    },
    "local": {
        "filters": (INT, 1),
        "size": (INT, 1),
        "stride": (INT, 1),
        "pad": (FLAG, 0),
        "activation": (TEXT, "logistic"),
    },
    "connected": {
        "output": (INT, 1),
        "batch_normalize": (FLAG, 0),
        "activation": (TEXT, "logistic"),
    },
    # None: derived from other options.
    "maxpool": {"stride": (INT, 1), "size": (INT, None), "padding": (INT, None)},
    "avgpool": {},
    "route": {"layers": (INTS, REQUIRED), "groups": (INT, 1), "group_id": (INT, 0)},
    "shortcut": {"from": (INT, REQUIRED), "activation": (TEXT, "linear")},
    "reorg": {"stride": (INT, 1)},
    "upsample": {"stride": (INT, 2), "scale": (FLOAT, 1.0)},
    "dropout": {"probability": (FLOAT, 0.5)},
    "softmax": {"temperature": (FLOAT, 1.0)},
    "cost": {},
    "region": {
        "anchors": (FLOATS, REQUIRED),
        "num": (INT, 1),
        "classes": (INT, 20),
        "softmax": (FLAG, 0),
        "rescore": (FLAG, 0),
        "thresh": (FLOAT, 0.5),
        "object_scale": (FLOAT, 1.0),
        "noobject_scale": (FLOAT, 1.0),
        "class_scale": (FLOAT, 1.0),
        "coord_scale": (FLOAT, 1.0),
    },
    "detection": {
        "side": (INT, 7),
        "num": (INT, 1),
        "classes": (INT, 1),
        "softmax": (FLAG, 0),
        "sqrt": (FLAG, 0),
        "rescore": (FLAG, 0),
        "object_scale": (FLOAT, 1.0),
        "noobject_scale": (FLOAT, 1.0),
        "class_scale": (FLOAT, 1.0),
        "coord_scale": (FLOAT, 1.0),
    },
    "yolo": {
        "mask": (INTS, None),
        "anchors": (FLOATS, REQUIRED),
        "num": (INT, 1),
        "classes": (INT, 20),
    },
}
"""Type and default of the options that change a layer or its loss."""

FIXED: dict[str, dict[str, Number]] = {
    "convolutional": {
        "binary": 0,
        "xnor": 0,
        "flipped": 0,
        "dot": 0,
        "dontload": 0,
        "dontloadscales": 0,
        "dilation": 1,
        "antialiasing": 0,
    },
    "local": {"dontload": 0},
    "connected": {"dontload": 0},
    "maxpool": {"maxpool_depth": 0, "antialiasing": 0},
    "reorg": {"reverse": 0, "flatten": 0, "extra": 0},
    "softmax": {"groups": 1, "spatial": 0},
    "region": {"coords": 4, "background": 0, "focal_loss": 0},
    "detection": {"coords": 4, "reorg": 0},
    "yolo": {"scale_x_y": 1, "focal_loss": 0, "new_coords": 0},
}
"""Options of which a single value is supported."""

_LEARNING = {"stopbackward", "learning_rate", "learning_scale_scale", "dontsave"}
_BOXES = {
    *("absolute", "bias_match", "hue", "jitter", "max", "max_boxes", "nms_kind", "random"),
    *("saturation", "exposure", "truth_thresh", "ignore_thresh", "mask_scale", "log", "forced"),
    *("nms_threshold", "beta_nms", "iou_normalizer", "cls_normalizer", "iou_loss", "thresh"),
}
IGNORED: dict[str, set[str]] = {
    **{kind: _LEARNING for kind in KINDS},
    **{kind: _LEARNING | _BOXES for kind in ("region", "detection", "yolo")},
    "cost": {*_LEARNING, "type", "scale", "ratio", "noobj", "thresh", "smooth"},
    "softmax": {*_LEARNING, "noloss"},
    "dropout": {*_LEARNING, "dropblock"},
}
"""Options of Darknet's own training, which are ignored; of `net` these are all others."""

RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("width", "height", "channels", "filters", "size", "stride"), (1, 65_536)),
    **dict.fromkeys(("groups", "num", "classes", "side"), (1, 1_000_000)),
    **dict.fromkeys(("padding", "group_id"), (0, 65_536)),
    "output": (1, 10_000_000),
    "probability": (0, 0.999999),
    "temperature": (1e-6, 1e6),
}
"""Minimum and maximum of options with a range."""


def line_error(line: int, message: str) -> InputError:
    """Returns the error of a line of the file."""
    return InputError(f"line {line}: {message}")
