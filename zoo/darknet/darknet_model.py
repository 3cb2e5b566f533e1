"""A network of Darknet's layers from the sections of its `.cfg` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.cards import Paper
from zoo.darknet import darknet_heads
from zoo.darknet import darknet_layers as kinds
from zoo.darknet.darknet_layers import FeatureMap, Section, wrong
from zoo.detection.postprocessing import Selection
from zoo.detection.yolo.yolo_v1_detector import stretch
from zoo.errors import InputError
from zoo.layers.padding import PadToMultiple
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register

HEADS = ("region", "detection", "yolo", "softmax")
_FLAT = ("connected", "local", "detection", "softmax")


@register(
    "darknet",
    task="detection",
    summary="a network of Darknet's layers from its .cfg file",
    paper=Paper("J. Redmon", "Darknet: Open Source Neural Networks in C", "pjreddie.com", 2013),
    published={},
    tiny={},
    listed=False,
)
def darknet(
    *,
    sections: Sequence[Mapping[str, Any]],
    num_classes: int | None = None,
    norm: str | None = "batch",
    epsilon: float = 1e-5,
    score_threshold: float = 0.005,
    nms_iou: float = 0.45,
    max_detections: int = 100,
    class_agnostic: bool = False,
    name: str = "darknet",
) -> Model:
    """A network of Darknet's layers.

    Fully convolutional networks take images of any size, padded to whole cells; for others images
    are stretched to the size in `[net]`.

    Args:
        sections: sections of the file, as `zoo.darknet.parse_cfg` returns them, `[net]` first.
        num_classes: number of classes in the sections, or None.
        norm: normalization in place of batch normalization: `"batch"`, `"frozen"`, `"group"`,
            `"sync"` or `"none"`.
        epsilon: constant added to the variance in batch normalization.
        score_threshold: minimum score of a detection, in [0, 1].
        nms_iou: IoU threshold of the final non-maximum suppression, in [0, 1].
        max_detections: maximum number of detections per image.
        class_agnostic: whether boxes suppress boxes of other classes too.
        name: name of the model.

    Returns:
        A detector, or a classifier where the network ends in `[softmax]`; pixels are in 0…255.

    Raises:
        InputError: if sizes do not match; the message names the line.
    """
    selection = Selection(score_threshold, nms_iou, max_detections, class_agnostic)
    net, *rest = sections
    heads = [section for section in rest if section["kind"] in HEADS]
    _check_ends(net, rest, heads)
    height, width, channels = net["height"], net["width"], net["channels"]
    whole = _stride(net, rest) if not any(s["kind"] in _FLAT for s in rest) else 0
    size = (None, None) if whole else (height, width)
    stretches = not whole and heads[-1]["kind"] in ("detection", "softmax")
    images = keras.Input((*((None, None) if stretches else size), channels), name="image")
    x = PadToMultiple(whole, mode="zero", name="pad")(images) if whole else images
    x = PixelNormalization(0.0, 255.0, name="normalize")(x)
    if stretches:
        x = stretch(x, height, width)
    ends = _walk(rest, FeatureMap(x, height, width, channels, 1), norm or "none", epsilon)
    model = getattr(darknet_heads, heads[-1]["kind"])(images, ends, selection, name)
    classes = heads[-1].get("classes") or model.output["label"].shape[-1]
    if num_classes not in (None, classes):
        raise InputError(
            f"line {heads[-1]['line']}: [{heads[-1]['kind']}] num_classes must be {classes}, not "
            f"{num_classes}; change the classes, and the filters before, in the file."
        )
    return model


def _walk(
    sections: Sequence[Section], x: FeatureMap, norm: str, epsilon: float
) -> list[tuple[Section, FeatureMap]]:
    """Builds all sections; returns the last ones and their inputs."""
    done: list[FeatureMap] = []
    heads = []
    for number, section in enumerate(sections):
        name, kind = f"layer{number}", section["kind"]
        if kind in ("convolutional", "connected"):
            x = getattr(kinds, kind)(section, x, name, norm, epsilon)
        elif kind in ("local", "maxpool", "avgpool", "reorg", "upsample"):
            x = getattr(kinds, kind)(section, x, name)
        elif kind == "route":
            x = kinds.route(section, [_at(section, done, i) for i in section["layers"]], name)
        elif kind == "shortcut":
            x = kinds.shortcut(section, x, _at(section, done, section["from"]), name)
        elif kind == "dropout":
            dropped = layers.Dropout(section["probability"], name=name)(x.x)
            x = FeatureMap(dropped, *x.size, x.stride)
        elif kind in HEADS:
            heads.append((section, x))
        done.append(x)
    return heads


def _at(section: Section, done: list[FeatureMap], index: int) -> FeatureMap:
    """The output of a layer, counted from this section for a negative index."""
    position = index if index >= 0 else len(done) + index
    if not 0 <= position < len(done):
        raise wrong(section, f"there is no layer {index} before layer {len(done)}.")
    return done[position]


def _check_ends(net: Section, rest: Sequence[Section], heads: Sequence[Section]) -> None:
    if not heads:
        *others, last = (f"[{kind}]" for kind in HEADS)
        raise InputError(
            f"line {net['line']}: the network must end in {', '.join(others)} or {last}, not "
            f"[{[net, *rest][-1]['kind']}]."
        )
    odd = next((head for head in heads if head["kind"] != "yolo"), None)
    if odd is not None and len(heads) > 1:
        raise wrong(odd, f"must be the only head, not one of {len(heads)}; use [yolo] for several.")
    after = next((s for s in rest[list(rest).index(heads[-1]) + 1 :] if s["kind"] != "cost"), None)
    if after is not None:
        raise wrong(after, f"must not follow the last head, on line {heads[-1]['line']}.")


def _stride(net: Section, rest: Sequence[Section]) -> int:
    """Pixels per cell of the coarsest map, or 0 if a map does not divide the image evenly."""
    stride, strides = 1, [1]
    for section in rest:
        kind = section["kind"]
        if kind in ("convolutional", "maxpool", "reorg"):
            stride *= section["stride"]
        elif kind == "upsample":
            stride = max(1, stride // section["stride"])
        elif kind == "route":
            index = section["layers"][0]
            # strides[0] is the image's.
            position = index + 1 if index >= 0 else len(strides) + index
            stride = strides[position] if 0 < position < len(strides) else stride
        if kind == "convolutional":
            pad = section["size"] // 2 if section["pad"] else section["padding"]
            if section["size"] != 2 * pad + 1:
                return 0
        if kind == "maxpool" and section["padding"] is not None:
            return 0
        strides.append(stride)
    coarsest = max(strides)
    return 0 if net["height"] % coarsest or net["width"] % coarsest else coarsest
