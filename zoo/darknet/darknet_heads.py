"""What Darknet's last sections answer: detectors, and classifiers of whole images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import layers

from zoo.darknet.darknet_layers import Map, Section, wrong
from zoo.detection.yolo.yolo_v1_loss import InputSize, YoloV1Detector, YoloV1Settings
from zoo.detection.yolo.yolo_v2_loss import YoloV2Detector, YoloV2Settings
from zoo.detection.yolo.yolo_v3_loss import YoloV3Detector, YoloV3Settings
from zoo.model import Model

Given = list[tuple[Section, Map]]
"""The last sections and what each is given."""

Predictions = Mapping[str, Any]
"""Settings of the answers, the same in every detector."""


def region(images, given: Given, predictions: Predictions, name: str) -> Model:
    """YOLOv2's map of cells."""
    ((section, seen),) = given
    priors = _anchors(section, section["num"])
    _demand_channels(section, seen, len(priors))
    if not section["softmax"]:
        raise wrong(section, "with softmax=0 is not known; softmax=1 is.")
    settings = YoloV2Settings(
        priors,
        stride=seen.stride,
        box=section["coord_scale"],
        object_=section["object_scale"],
        no_object=section["noobject_scale"],
        class_=section["class_scale"],
        exempt_iou=section["thresh"],
        rescore=bool(section["rescore"]),
        **predictions,
    )
    return YoloV2Detector(images, {"cells": _float(seen.x, "cells")}, settings=settings, name=name)


def detection(images, given: Given, predictions: Predictions, name: str) -> Model:
    """YOLOv1's vector."""
    ((section, seen),) = given
    settings = YoloV1Settings(
        section["side"],
        section["num"],
        section["classes"],
        square_root=bool(section["sqrt"]),
        softmax=bool(section["softmax"]),
        box=section["coord_scale"],
        object_=section["object_scale"],
        no_object=section["noobject_scale"],
        class_=section["class_scale"],
        rescore=bool(section["rescore"]),
        **predictions,
    )
    if seen.numbers != settings.outputs:
        raise wrong(
            section,
            f"of side {settings.side} with {settings.boxes} boxes and {settings.classes} classes "
            f"reads {settings.outputs} numbers; the layer before gives {seen.numbers}.",
        )
    outputs = {
        "cells": _float(seen.vector("cells"), "cells"),
        "canvas": InputSize(name="canvas")(images),
    }
    return YoloV1Detector(images, outputs, settings=settings, name=name)


def yolo(images, given: Given, predictions: Predictions, name: str) -> Model:
    """YOLOv3's maps of cells."""
    anchors, strides, outputs = [], [], {}
    for number, (section, seen) in enumerate(given):
        known = _anchors(section, section["num"])
        mask = range(len(known)) if section["mask"] is None else section["mask"]
        if not all(0 <= index < len(known) for index in mask):
            raise wrong(section, f"has anchors 0 to {len(known) - 1}, not all of {list(mask)}.")
        anchors.append(tuple(known[index] for index in mask))
        _demand_channels(section, seen, len(anchors[-1]))
        first = given[0][0]
        if section["classes"] != first["classes"]:
            raise wrong(section, f"has other classes than that of line {first['line']}.")
        strides.append(seen.stride)
        outputs[f"cells{number}"] = _float(seen.x, f"cells{number}")
    settings = YoloV3Settings(tuple(anchors), tuple(strides), **predictions)
    return YoloV3Detector(images, outputs, settings=settings, name=name)


def softmax(images, given: Given, predictions: Predictions, name: str) -> Model:
    """Logits of the classes of the image."""
    ((section, seen),) = given
    logits = seen.vector("label")
    if section["temperature"] != 1:
        logits = layers.Rescaling(1 / section["temperature"], name="temperature")(logits)
    return Model(images, {"label": _float(logits, "label")}, task="classification", name=name)


def _anchors(section: Section, count: int) -> tuple[tuple[float, float], ...]:
    numbers = section["anchors"]
    if len(numbers) != 2 * count or min(numbers) <= 0:
        raise wrong(section, f"with num={count} has {2 * count} anchor sides above 0: {numbers}.")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _demand_channels(section: Section, seen: Map, anchors: int) -> None:
    wanted = anchors * (5 + section["classes"])
    if len(seen.x.shape) != 4 or seen.channels != wanted:
        raise wrong(
            section,
            f"of {anchors} anchors and {section['classes']} classes reads {wanted} channels; the "
            f"layer before gives {seen.channels}.",
        )


def _float(x: Any, name: str) -> Any:
    return layers.Activation("linear", dtype="float32", name=name)(x)
