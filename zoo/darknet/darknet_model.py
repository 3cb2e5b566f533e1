"""Any network of Darknet's layers, from the sections of its `.cfg` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from zoo.cards import Paper
from zoo.darknet import darknet_heads
from zoo.darknet import darknet_layers as kinds
from zoo.darknet.darknet_layers import Map, Section, wrong
from zoo.detection.yolo.yolo_v1_loss import stretched
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
    summary="a network of Darknet's layers, as its .cfg file lays them out",
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
    detections: int = 100,
    class_agnostic: bool = False,
    name: str = "darknet",
) -> Model:
    """A network of Darknet's layers.

    Where nothing in it needs images of one size, it takes any, padded to whole cells; otherwise
    images are stretched to the size that `[net]` states.

    Args:
        sections: `[net]` first; of each its `kind`, its `line` in the file and every option, as
            `zoo.darknet.parse_cfg` gives them.
        num_classes: as the sections say, or None.
        norm: what stands for batch normalisation: `"batch"`, `"frozen"`, `"group"`, `"sync"`.
        epsilon: of batch normalisation, added to the variance as on GPUs.
        score_threshold: lowest score of an answer.
        nms_iou: of the final suppression.
        detections: most boxes of an answer.
        class_agnostic: whether boxes suppress those of other classes too.
        name: of the model.

    Returns:
        A detector, or a classifier where the network ends in `[softmax]`; pixels are 0…255.

    Raises:
        InputError: sizes that do not fit together, by line.
    """
    predictions = {
        "score_threshold": score_threshold,
        "nms_iou": nms_iou,
        "detections": detections,
        "class_agnostic": class_agnostic,
    }
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
        x = stretched(x, height, width)
    given = _walk(rest, Map(x, height, width, channels, 1), norm or "none", epsilon)
    model = getattr(darknet_heads, heads[-1]["kind"])(images, given, predictions, name)
    classes = heads[-1].get("classes") or model.output["label"].shape[-1]
    if num_classes not in (None, classes):
        raise InputError(
            f"line {heads[-1]['line']}: [{heads[-1]['kind']}] has {classes} classes, not "
            f"{num_classes}; change them, and the filters before, in the file."
        )
    return model


def _walk(
    sections: Sequence[Section], seen: Map, norm: str, epsilon: float
) -> list[tuple[Section, Map]]:
    """Lays the sections out; the heads, and what each is given."""
    done: list[Map] = []
    heads = []
    for number, section in enumerate(sections):
        name, kind = f"layer{number}", section["kind"]
        if kind in ("convolutional", "connected"):
            seen = getattr(kinds, kind)(section, seen, name, norm, epsilon)
        elif kind in ("local", "maxpool", "avgpool", "reorg", "upsample"):
            seen = getattr(kinds, kind)(section, seen, name)
        elif kind == "route":
            seen = kinds.route(section, [_at(section, done, i) for i in section["layers"]], name)
        elif kind == "shortcut":
            seen = kinds.shortcut(section, seen, _at(section, done, section["from"]), name)
        elif kind == "dropout":
            x = layers.Dropout(section["probability"], name=name)(seen.x)
            seen = Map(x, *seen.size, seen.stride)
        elif kind in HEADS:
            heads.append((section, seen))
        done.append(seen)
    return heads


def _at(section: Section, done: list[Map], index: int) -> Map:
    """The layer of a number, counted from here where it is negative."""
    place = index if index >= 0 else len(done) + index
    if not 0 <= place < len(done):
        raise wrong(section, f"is layer {len(done)} and cannot take layer {index}.")
    return done[place]


def _check_ends(net: Section, rest: Sequence[Section], heads: Sequence[Section]) -> None:
    if not heads:
        known = ", ".join(f"[{kind}]" for kind in HEADS)
        raise InputError(
            f"line {net['line']}: the network says nothing; it ends in one of {known}."
        )
    odd = next((head for head in heads if head["kind"] != "yolo"), None)
    if odd is not None and len(heads) > 1:
        raise wrong(odd, f"is one of {len(heads)} answers; only several [yolo] go together.")
    after = next((s for s in rest[list(rest).index(heads[-1]) + 1 :] if s["kind"] != "cost"), None)
    if after is not None:
        raise wrong(after, f"stands behind the answer of line {heads[-1]['line']}.")


def _stride(net: Section, rest: Sequence[Section]) -> int:
    """Pixels a cell of the coarsest map, or 0 if some map does not divide the image evenly."""
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
            place = index + 1 if index >= 0 else len(strides) + index
            stride = strides[place] if 0 < place < len(strides) else stride
        if kind == "convolutional":
            pad = section["size"] // 2 if section["pad"] else section["padding"]
            if section["size"] != 2 * pad + 1:
                return 0
        if kind == "maxpool" and section["padding"] is not None:
            return 0
        strides.append(stride)
    coarsest = max(strides)
    return 0 if net["height"] % coarsest or net["width"] % coarsest else coarsest
